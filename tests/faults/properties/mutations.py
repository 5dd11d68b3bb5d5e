"""Faults planted in the runtime that the properties must find: those of the simulation that mean something here, and
some of things that only people and authors do."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.directory import Directory
from app.store import commits, consequences
from app.turns import TurnUnderWay
from flows.document import Flow
from tests.faults.simulation import mutations as simulated

_flow = Directory.flow
_NEWEST: Final = "SELECT max(id) FROM versions WHERE flow_id = (SELECT flow_id FROM versions WHERE id = :id)"


@contextmanager
def _timers_stay() -> Iterator[None]:
    """An answer drops no timer, and a timer of an earlier wait is taken for the present one's."""
    with (
        patch.object(commits, "_drop_timers", lambda *_: None),
        patch.object(TurnUnderWay, "_is_our_timer", lambda self: self.held.run is not None),
    ):
        yield


def _nothing_cancelled() -> Any:
    return patch.object(consequences, "cancel", lambda *_: None)


def _newest_version() -> Any:
    def flow(self: Directory, session: Session, version_id: int) -> Flow:
        return _flow(self, session, int(session.execute(text(_NEWEST), {"id": version_id}).scalar_one()))

    return patch.object(Directory, "flow", flow)


_OF_THE_SIMULATION: Final = (
    "skip_the_fence", "timers_first", "statuses_go_back", "nothing_released", "kept_is_done", "line_is_skipped",
    "nobody_follows", "keys_by_attempt",
)  # fmt: skip
MUTATIONS: Final[dict[str, tuple[str, Callable[[], AbstractContextManager[Any]]]]] = {
    **{name: simulated.MUTATIONS[name] for name in _OF_THE_SIMULATION},
    "timers_stay": ("a wait's timer still counts when the wait is over", _timers_stay),
    "nothing_cancelled": ("what a flow has not sent yet leaves after a takeover", _nothing_cancelled),
    "newest_version": ("a run goes over to the newest version of its flow", _newest_version),
}

FOUND_BY: Final[dict[str, int]] = dict.fromkeys(MUTATIONS, 0) | {"skip_the_fence": 1, "statuses_go_back": 1}
"""A seed of each."""
