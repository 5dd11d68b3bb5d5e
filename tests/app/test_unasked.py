"""The last door before what a schedule's run says leaves: it holds however odd the run, and night after night."""

import pytest

from app.store.opted_out import NO_CONSENT
from tests.app.drawn import sends
from tests.app.house import Runtime
from tests.app.test_schedules import sweep, told, writes_after_twelve_hours

DAMAGED = "UPDATE runs SET state = '{}'"
OF_A_NEWER_PATCHBAY = """UPDATE runs SET state = replace(state, '"id":', '"hue":"red","id":')"""
WITHDRAWN = "UPDATE contacts SET consent = 'withdrawn'"


@pytest.mark.parametrize(
    ("changes", "error"),
    [((DAMAGED,), ""), ((OF_A_NEWER_PATCHBAY, WITHDRAWN), NO_CONSENT)],
    ids=["damaged", "of a newer Patchbay"],
)
def test_a_run_that_cannot_be_read_whole_stops_no_worker_and_still_needs_consent(
    room: Runtime, changes: tuple[str, ...], error: str
) -> None:
    writes_after_twelve_hours(room, sends("News"))
    for change in changes:
        room.execute(change)
    sweep(room, 10 * 3_600)
    assert room.column("SELECT error FROM effects") == [error]
    assert len(told(room)) == (not error)
