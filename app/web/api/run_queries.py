"""Which runs a list shows: by flow, version, status, outcome, step, time, contact and problem; and a run's turns."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, exists, select, union
from sqlalchemy import text as literal
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.models import Address, Conversation, FlowRow, InboundEvent, Problem, RunRow, TurnRow, Version
from app.web.api.doors import Schema, one_of, text, whole
from app.web.api.references import conversation_id

SINCE: Final[Mapping[str, Schema]] = {"since": text(40), "until": text(40)}
FILTERS: Final[Mapping[str, Schema]] = {
    "conversation": text(30),
    "flow": text(200),
    "version": whole(1),
    "status": one_of("waiting", "ended"),
    "outcome": text(200),
    "step": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$", "x-says": "a step's id"},
    "contact": text(200, 1),
    "problem": text(80, 1),
    **SINCE,
}
# As the index of these runs spells it, or neither database would use it.
STANDING: Final = literal("(runs.status = 'waiting' OR runs.outcome = 'failed')")


def runs() -> Select[RunRow, int, str]:
    """All runs, each with its version's number and its flow's name."""
    return (
        select(RunRow, Version.number, FlowRow.name)
        .join(Version, Version.id == RunRow.version_id)
        .join(FlowRow, FlowRow.id == Version.flow_id)
    )


def turns(run_id: int) -> Select[int, str, datetime, str]:
    """A run's turns: the number, the trace as JSON, when it was committed, and the kind of event that it walked."""
    return (
        select(TurnRow.number, TurnRow.trace, TurnRow.created_at, InboundEvent.kind)
        .outerjoin(InboundEvent, InboundEvent.id == TurnRow.event_id)
        .where(TurnRow.run_id == run_id)
    )


def filtered(session: Session, query: Select[RunRow, int, str], asked: Mapping[str, Any]) -> Select[RunRow, int, str]:
    """The runs that fit everything asked. `step`: it stands there, or failed there; `problem`: a kind, or any."""
    equal = {"status": RunRow.status, "outcome": RunRow.outcome, "flow": FlowRow.name, "version": Version.number}
    for name, column in equal.items():
        if name in asked:
            query = query.where(column == asked[name])
    if "conversation" in asked:
        query = query.where(RunRow.conversation_id == conversation_id(session, asked["conversation"]))
    if "step" in asked:
        # Every column of the index that comes before the step.
        anywhere = RunRow.step_version_id.in_(select(Version.id)) & RunRow.status.in_(("waiting", "ended"))
        stand = select(RunRow.id).where(STANDING, anywhere, RunRow.step == asked["step"])
        failed = select(Problem.run_id).where(Problem.step == asked["step"], Problem.run_id.is_not(None))
        query = query.where(RunRow.id.in_(union(stand, failed)))
    if "contact" in asked:
        theirs = select(Address.contact_id).where(Address.value == asked["contact"])
        of_theirs = select(Conversation.id).where(Conversation.contact_id.in_(theirs))
        query = query.where(RunRow.conversation_id.in_(of_theirs))
    if "problem" in asked:
        wanted = exists().where(Problem.run_id == RunRow.id)
        query = query.where(wanted if asked["problem"] == "any" else wanted.where(Problem.kind == asked["problem"]))
    since, until = between(asked)
    query = query.where(RunRow.started_at >= since) if since else query
    return query.where(RunRow.started_at < until) if until else query


def between(asked: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The instants `since` and `until`. Raises: Invalid."""
    return _instant(asked, "since"), _instant(asked, "until")


def _instant(asked: Mapping[str, Any], name: str) -> datetime | None:
    if name not in asked:
        return None
    try:
        at = datetime.fromisoformat(
            re.sub(r" (\d\d:\d\d)$", r"+\1", asked[name])
        )  # a plus in an address that nobody escaped
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        sentence = f"“{name}” needs to be an instant with its zone, such as 2026-01-31T12:00:00Z."
        raise Invalid(sentence, "bad_query", field=name)
    return at
