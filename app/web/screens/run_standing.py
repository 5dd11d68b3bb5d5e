"""Where a run stands: whether it runs, waits, failed or is done, why, since when, and at which step."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.models import InboundEvent, Problem, RunRow, TurnRow
from app.web.api.called import called
from app.web.api.run_views import UNREADABLE, standing_data
from app.web.screens.visited_steps import Visited, title, visits
from flows.errors import FlowError
from flows.registry import Registry
from flows.visit import FLOW_FAILED

WAITS: Final = (
    "queue", "webhook", "message", "keys", "dial", "recorded", "stored", "lost", "delivered", "accepted", "failed",
    "poll", "hang_up",
)  # fmt: skip
"""What a wait may accept (`flows.awaited.ACCEPTABLE`), what says most about it first."""
OUTCOMES: Final = ("completed", "failed", "caller_hung_up", "interrupted", "opted_out", "taken_over")
"""How the engine and the house end runs; any other outcome is what the author wrote at an end."""
AUTHORS: Final = "author"
"""Why a run is done that ended by such words."""
TIME: Final = "time"
"""What a run waits for that accepts nothing."""


@dataclass(frozen=True)
class Standing:
    """`why` says what it waits for (WAITS or TIME) or how it ended (OUTCOMES or AUTHORS), `sentence` what failed;
    `step` is where. `since` is the last thing that happened; `until` when a wait ends at the latest."""

    state: Literal["running", "waiting", "failed", "done"]
    why: str
    since: datetime
    step: str = ""
    sentence: str = ""
    until: datetime | None = None


def standing(session: Session, steps: Registry, run: RunRow, present: datetime) -> Standing:
    """How a run stands at this moment."""
    if run.status == "ended":
        return _ended(session, steps, run)
    since = session.scalar(select(func.max(TurnRow.created_at)).where(TurnRow.run_id == run.id)) or run.started_at
    here = _title(session, steps, str(run.step_version_id or run.version_id), run.step)
    waits = exists().where(InboundEvent.conversation_id == run.conversation_id, InboundEvent.state == "waiting")
    if session.scalar(select(waits.where(InboundEvent.due_at <= present))):
        return Standing("running", "", since, here)
    told = UNREADABLE
    with suppress(FlowError):  # whoever wakes a run that cannot be read sets that aside; until then it waits
        told = standing_data(session, run)
    why = next((word for word in WAITS if word in (told["waits_for"] or ())), TIME)
    until = datetime.fromisoformat(told["until"]) if told["until"] else None
    return Standing("waiting", why, since, here, until=until)


def _ended(session: Session, steps: Registry, run: RunRow) -> Standing:
    at = run.ended_at or run.started_at
    if run.outcome != "failed":
        return Standing("done", run.outcome if run.outcome in OUTCOMES else AUTHORS, at)
    sentence, found = _set_aside(session, run), _last_failure(session, run)
    if found and not sentence:
        step = _title(session, steps, found.entry["version"], found.entry["step"])
        return Standing("failed", "failed", at, step, found.entry["failure"]["message"])
    here = _title(session, steps, str(run.step_version_id or run.version_id), run.step)
    return Standing("failed", "failed", at, here, sentence)


def _title(session: Session, steps: Registry, version: str, step: str) -> str:
    return title(steps, called(session, [version])[version], step) if step else ""


def _set_aside(session: Session, run: RunRow) -> str:
    """Why an event of it was set aside, which ended it; empty when none was."""
    query = select(Problem.message).where(
        Problem.conversation_id == run.conversation_id, Problem.run_id == run.id, Problem.kind == "set_aside"
    )
    return session.scalar(query.limit(1)) or ""


def _last_failure(session: Session, run: RunRow) -> Visited | None:
    """The visit by which it ended, if by one: that in a called flow, not the failure of its callers that follows."""
    for visited in visits(session, run.id):
        if "failure" not in visited.entry:
            return None
        if visited.entry.get("came_by") != FLOW_FAILED:
            return visited
    return None
