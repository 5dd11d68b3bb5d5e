"""The simulated processes of the house: workers with locks of their own, the sweeper, and web."""

import io
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from sqlalchemy.exc import OperationalError

from app.board import Board
from app.channels.twilio_signature import sign
from app.db import DatabaseUnavailable
from app.house import House
from app.locks import LocksLost
from app.runner import Runner
from app.sweeper import Sweeper
from flows.document import Flow
from tests.faults.simulation.actors import Actor, Process
from tests.faults.simulation.machines import SimulatedMachine
from tests.faults.simulation.places import SECRET, Place
from tests.faults.simulation.scheduler import Scheduler

SWEEP_SECONDS = 1.0
_FLOWS: dict[int, Flow] = {}  # published versions never change, and reading them takes a tenth of a seed's time
ENDS_A_WORKER = (OperationalError, DatabaseUnavailable, LocksLost)


class SimulatedLocks:
    """Conversation locks as PostgreSQL's: all at once they are lost when a frozen process is taken over."""

    def __init__(self, owners: "dict[int, SimulatedLocks]") -> None:
        self._owners, self._lost = owners, False

    def try_lock(self, conversation_id: int) -> bool:
        self.require()
        if conversation_id in self._owners:
            return False
        self._owners[conversation_id] = self
        return True

    def try_locks(self, conversation_ids: Sequence[int]) -> list[int]:
        return [one for one in conversation_ids if self.try_lock(one)]

    def unlock(self, *conversation_ids: int) -> None:
        self.require()
        for conversation_id in conversation_ids:
            self._owners.pop(conversation_id, None)

    def require(self) -> None:
        if self._lost:
            raise LocksLost("The connection that held the locks is gone.")

    def server_pid(self) -> int | None:
        return None

    def close(self) -> None:
        self._lost = True
        for conversation_id, owner in list(self._owners.items()):
            if owner is self:
                del self._owners[conversation_id]


class Worker(Process):
    """A worker's child. A new one takes the place of one that died."""

    def __init__(self, name: str, scheduler: Scheduler, house: House, owners: dict[int, SimulatedLocks]) -> None:
        super().__init__(name)
        self.locks = SimulatedLocks(owners)
        self.runner = Runner(replace(house, machine=SimulatedMachine(scheduler, self)), self.locks, Board())
        self.runner._claiming._beginning.directory._flows = _FLOWS
        scheduler.spawn(self, name, self.runner.run)


class Sweeping(Process):
    """The sweeper."""

    def __init__(self, scheduler: Scheduler, house: House) -> None:
        super().__init__("sweeper")
        self._scheduler, self._sweeper = scheduler, Sweeper(house)
        scheduler.spawn(self, self.name, self._sweep)

    def _sweep(self) -> None:
        while True:
            self._scheduler.note("sweep")
            self._sweeper.sweep()
            self._scheduler.poll(SWEEP_SECONDS)


class Web(Process):
    """A web process; each request is an actor of its own."""

    def __init__(self, scheduler: Scheduler, place: Place) -> None:
        super().__init__("web")
        self._scheduler, self._app = scheduler, place.app
        self._public_url = place.house.settings.effective_public_url
        place.begin_web(SimulatedMachine(scheduler, self))

    def post(self, target: str, pairs: list[tuple[str, str]]) -> Actor:
        """A signed webhook under way; its result is the status, or None when the process died."""
        return self._scheduler.spawn(self, "web", lambda: self._call(target, pairs))

    def _call(self, target: str, pairs: list[tuple[str, str]]) -> int:
        path, _, query = target.partition("?")
        body = urlencode(pairs).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "patchbay.example",
            "SERVER_PORT": "443",
            "HTTP_HOST": "patchbay.example",
            "wsgi.url_scheme": "https",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_TWILIO_SIGNATURE": sign(SECRET, self._public_url + target, pairs),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "REMOTE_ADDR": "127.0.0.1",
        }
        told: list[int] = []

        def start(status: str, *_: object) -> None:
            told.append(int(status[:3]))

        for _ in self._app.wsgi_app(environ, start):
            pass
        self._scheduler.note(f"answered {target} {told[0]}")
        return told[0]
