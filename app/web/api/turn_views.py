"""How the API shows the turns of a run: what each came by, the steps that it visited, and what left by it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypedDict, get_args

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.models import EffectRow, Message, RunRow
from app.web.api.answers import Instant, OneOf
from app.web.api.called import Called, called, private_of
from app.web.api.visit_views import VisitData, visits_data
from flows.errors import FlowError
from flows.event import Answered, FlowCalled, FlowEnded, Happening
from flows.record import TurnRecord
from flows.run import Run
from flows.secrecy import HIDDEN, without
from flows.testing import retold
from flows.trace import Entry
from flows.wire import kind_of, read

Json = Any
Turn = Row[int, str, datetime, str, str]
"""A turn's number, its trace, when it was committed, the kind of its event, and its record."""

_INSIDE: Final = (Answered, FlowCalled, FlowEnded)  # never in the inbox
_EVENTS: Final = (
    *(kind_of(one) for one in get_args(Happening) if one not in _INSIDE),
    *("agent_replied", "agent_closed", "agent_took_over", "message_status"),
)


class TurnEffectData(TypedDict):
    """What left by a turn and what became of it; `message` is its place among the conversation's, null for others."""

    kind: Annotated[str, OneOf(("send_message", "send_email", "post_to_team"))]
    state: Annotated[str, OneOf(("queued", "sending", "sent", "unknown", "dead", "cancelled"))]
    attempts: int
    error: Annotated[str, "Why it did not leave, or may not have; empty for none."]
    message: int | None
    settled_at: Instant | None


class RunTurnData(TypedDict):
    """A turn of a run: one event, and the steps that were visited until the next wait or the end."""

    turn: int
    event: Annotated[str, OneOf(_EVENTS)]
    again: Annotated[
        dict[str, Any] | None,
        "The event in the words of a test, for trying it in a simulated conversation; null for what follows there by"
        " itself, and where it holds what is private.",
    ]
    at: Instant
    steps: list[VisitData]
    effects: list[TurnEffectData]


class ReplayedTurnData(TypedDict):
    """A recorded turn that was walked again: whether it went the same way, and how it went now."""

    same: bool
    sentence: str
    trace: list[VisitData]


def turns_data(session: Session, run: RunRow, rows: Sequence[Turn]) -> list[RunTurnData]:
    """Turns, the first one first: each visited step and why, what left by it, and what it came by.

    `again` is the event in the words of a test, for trying it in a simulated conversation; null for what follows there
    by itself, and where it holds what is private. Between two records others have their turn: one may have 16 MiB.
    """
    records, traces = [_record(row[4]) for row in rows], [json.loads(row[1]) for row in rows]
    versions = called(session, {version for record in records if record for version in record.versions})
    left = _effects(session, run.id) if rows else {}
    told = zip(rows, records, traces, visits_data(session, traces), strict=True)
    return [
        {
            "turn": number,
            "event": kind,
            "again": _again(record, trace, versions),
            "at": at.isoformat(),
            "steps": visits,
            "effects": left.get(number, []),
        }
        for (number, _, at, kind, _), record, trace, visits in told
    ]


def _effects(session: Session, run_id: int) -> Mapping[int, list[TurnEffectData]]:
    """What left by each turn of a run, and what became of it; `message` is its place among the conversation's."""
    columns = (EffectRow.key, EffectRow.kind, EffectRow.state, EffectRow.attempts, EffectRow.error)
    query = select(*columns, EffectRow.settled_at, Message.id).outerjoin(Message, Message.effect_key == EffectRow.key)
    found: dict[int, list[TurnEffectData]] = {}
    for key, kind, state, attempts, error, settled_at, message in session.execute(
        query.where(EffectRow.run_id == run_id).order_by(EffectRow.id)
    ):
        told: TurnEffectData = {
            "kind": kind,
            "state": state,
            "attempts": attempts,
            "error": error,
            "message": message,
            "settled_at": settled_at.isoformat() if settled_at else None,
        }
        turn = key.split("/")[1:2]  # run/turn/number; what is about the run as a whole has another form
        if turn and turn[0].isdecimal():
            found.setdefault(int(turn[0]), []).append(told)
    return found


def _record(stored: str) -> TurnRecord | None:
    """None for one that an older release wrote in another form; its trace is read all the same."""
    time.sleep(0)  # web serves everybody in one thread
    try:
        return read(TurnRecord, stored)
    except FlowError:
        return None


def _again(record: TurnRecord | None, trace: Sequence[Entry], versions: Mapping[str, Called]) -> dict[str, Json] | None:
    told = retold(record.event.happened) if record else None
    if record is None or told is None or any(value == HIDDEN for visit in trace for value in visit["set"].values()):
        return None  # what came in was put into a private variable
    if _asks_privately(record.run_before, versions):
        return None  # a try that was not taken, or one that is read back before it is
    text = json.dumps(told, ensure_ascii=False)
    return told if without(text, private_of(record.run_before, versions)) == text else None


def _asks_privately(run: Run, versions: Mapping[str, Called]) -> bool:
    """Whether the step that the run stands on names a private variable in its settings, as what it sets is named.

    By the names alone, so that it holds for a step whose plugin is gone or has another form today.
    """
    top = run.stack[-1] if run.stack else None
    drawn = versions[top.version].drawn if top and top.version in versions else None
    if top is None or drawn is None or top.step not in drawn.steps:
        return False
    private = {name for name, declared in drawn.variables.items() if declared.get("private") is True}
    return bool(private) and any(text.partition(".")[0] in private for text in _settings(drawn.steps[top.step].config))


def _settings(config: Json) -> Iterator[str]:
    """Every text in a step's settings."""
    if isinstance(config, str):
        yield config
    elif isinstance(config, (Mapping, list, tuple)):
        for part in config.values() if isinstance(config, Mapping) else config:
            yield from _settings(part)
