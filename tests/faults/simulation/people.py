"""People and the provider's news: contacts who write and repeat themselves, states of messages, an agent."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from app import inbox
from app.points import point
from tests.faults.simulation.outside import Taken
from tests.faults.simulation.places import ACCOUNT, OURS, Place
from tests.faults.simulation.plans import Plan
from tests.faults.simulation.processes import Web
from tests.faults.simulation.scheduler import Scheduler

NOBODY = -1


class People:
    """Everybody who is not a process of the house, and what they know: the witnesses."""

    def __init__(self, scheduler: Scheduler, plan: Plan, place: Place, web: Callable[[], Web]) -> None:
        """`web` gives the process that answers just now."""
        self._scheduler, self._plan, self._place, self._web = scheduler, plan, place, web
        self._random = scheduler.random
        self.accepted: dict[int, list[str]] = {n: [] for n in range(len(plan.contacts))}  # what got a 200, in order
        self.with_people, self.replies = NOBODY, list[str]()  # whose conversation an agent has had

    def begin(self) -> None:
        """Everybody begins."""
        for n, (kind, messages) in enumerate(self._plan.contacts):
            self._scheduler.begin(f"contact-{n}", partial(self._write, n, kind, messages))
        if self._plan.agent:
            self._scheduler.begin("agent", self._act)

    def _post(self, target: str, pairs: list[tuple[str, str]]) -> int | None:
        status: int | None = self._web().post(target, pairs).join()
        return status

    def _insist(self, target: str, pairs: list[tuple[str, str]]) -> None:
        while self._post(target, pairs) != 200:
            self._scheduler.pause(0.3)

    def _write(self, n: int, kind: Any, messages: int) -> None:
        for number in range(1, messages + 1):
            self._scheduler.pause(self._random.choice(self._plan.gaps))
            body = str((number + 1) // 2) if kind == "echo" else f"w{number}"  # people do repeat themselves
            pairs = [("MessageSid", f"SM{n:02d}{number:030d}"), ("AccountSid", ACCOUNT), ("From", phone_of(n)),
                     ("To", OURS[self._plan.mode, kind]), ("Body", body), ("NumMedia", "0")]  # fmt: skip
            target = f"/hooks/{self._plan.mode}/messages"
            if self._random.random() < 0.15:  # twice at once
                self._scheduler.begin(f"contact-{n}", partial(self._post, target, pairs))
            self._insist(target, pairs)
            self.accepted[n].append(body)
            if self._random.random() < 0.1:  # and once more
                self._insist(target, pairs)

    def tell(self, taken: Taken) -> None:
        """The provider tells what became of a message, in any order, some of it twice."""
        address = urlsplit(taken.callback)
        for word in ("sent", "delivered", *(("delivered",) if self._random.random() < 0.1 else ())):
            pairs = [("MessageSid", taken.sid), ("MessageStatus", word)]
            target = f"{address.path}?{address.query}"
            if self._random.random() < 0.6:
                post = partial(self._post, target, pairs)
                seconds = self._random.choice((0.0, 0.05, 0.3, 3.0, 35.0))
                self._scheduler.expect(seconds, partial(self._scheduler.begin, "provider", post))

    def _act(self) -> None:
        """An agent replies or takes over in the first contact's conversation, and closes it in the end."""
        self.with_people = 0
        self._scheduler.pause(self._random.choice((0.05, 0.2, 1.0, 10.0)))
        find = text("SELECT c.id FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE a.value = :phone")
        with self._place.database.reading() as session:
            conversation_id = session.execute(find, {"phone": phone_of(0)}).scalar()
        if conversation_id is None:
            self.with_people = -1
            return
        if self._random.random() < 0.6:
            self.replies.append("reply 1")
            self._put(conversation_id, "agent_replied", {"text": "reply 1"})
        else:
            self._put(conversation_id, "agent_took_over", {})
        self._scheduler.pause(self._random.choice((0.0, 1.0, 20.0)))
        while len(self.accepted[0]) < self._plan.contacts[0][1]:  # whoever writes later would be answered by nobody
            self._scheduler.pause(5.0)
        self._put(conversation_id, "agent_closed", {})

    def _put(self, conversation_id: int, kind: str, happened: dict[str, Any]) -> None:
        """As the API's door does; repeated with its key until it is accepted."""

        def put() -> int:
            with self._place.database.transaction() as session:
                inbox.put_action(session, conversation_id, kind, kind, happened)
                point("inbox:written")
            point("inbox:committed")
            self._place.lanes.wake("turns")
            return 200

        while self._scheduler.spawn(self._web(), "web", put).join() != 200:
            self._scheduler.pause(0.3)


def phone_of(contact: int) -> str:
    """Nobody has it."""
    return f"+4850{contact:07d}"
