"""Runs that went wrong: walked again as they were recorded, or begun again as a new run.

Replaying touches nothing. A retry is an inbox event like any other (RELIABILITY §2), once for each failed run: it asks
other systems and writes to the contact anew, under keys of its own, so what the failed run had done is told before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import inbox
from app.accounts.audit import note_act
from app.errors import Conflict, NotFound
from app.house import House
from app.models import Conversation, EffectRow, InboundEvent, RunRow, TurnRow, Version
from app.outgoing import IDEMPOTENT
from app.store.events import NewEvent, append
from flows import document, wire
from flows.errors import FlowError
from flows.record import TurnRecord, replay
from flows.trace import Entry
from flows.values import canonical_json

_REPEATABLE: Final = ("message_received", "api_called", "schedule_due")
_OUTCOMES: Final = ("failed",)


@dataclass(frozen=True)
class Replayed:
    """A recorded turn walked again: whether the trace and the run after it are the same bytes, and the new trace."""

    same: bool
    trace: Sequence[Entry]
    sentence: str


@dataclass(frozen=True)
class Retried:
    """The run that begins again: its id is its event's. `duplicate`: it was asked for before."""

    run_id: int
    duplicate: bool


def replay_turn(session: Session, house: House, run_id: int, number: int) -> Replayed:
    """Walks a recorded turn again with the steps installed now, and compares. Raises: NotFound, Conflict."""
    row = session.get(TurnRow, (run_id, number))
    if row is None:
        raise NotFound(f"The run {run_id} has no turn {number}: GET /api/v1/runs/{run_id}/trace lists them.")
    try:
        record = wire.read(TurnRecord, row.record)
        ids = [int(version) for version in record.versions]
        stored = session.execute(select(Version.id, Version.document).where(Version.id.in_(ids)))
        flows = {str(id_): document.read(text) for id_, text in stored}
        turn = replay(record, flows, house.steps)
    except FlowError as problem:
        raise Conflict(f"The turn cannot be walked again: {problem}", "not_replayable") from None
    trace_is_same = canonical_json(list(turn.trace)) == row.trace
    after = _run_after(session, run_id, number)
    state_is_same = after is None or wire.write(turn.run) == after
    same = trace_is_same and state_is_same
    what = "the trace" if not trace_is_same else "the run after it"
    sentence = (
        "The turn went exactly as it was recorded."
        if same
        else f"Walked again with the steps installed now, {what} comes out otherwise than it was recorded."
    )
    return Replayed(same, turn.trace, sentence)


def retry(session: Session, run_id: int, who: str, *, anyway: bool, take_back: bool) -> Retried:
    """Begins a failed run again, with its first event, as a new run of what is live now.

    Raises: NotFound; Conflict with not_failed, is_a_call, already_running, with_people (unless `take_back`), or
    would_repeat with what would be done a second time (unless `anyway`).
    """
    run = session.get(RunRow, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}: GET /api/v1/runs lists them.")
    here = select(Conversation.connection_id).where(Conversation.id == run.conversation_id).scalar_subquery()
    mine = InboundEvent.provider_id == _key(run_id), InboundEvent.connection_id == here
    before = session.scalar(select(InboundEvent.id).where(*mine))
    if before is not None:
        return Retried(before, duplicate=True)
    first = session.get(InboundEvent, run_id)
    if run.outcome not in _OUTCOMES or run.status != "ended":
        how = f"ended “{run.outcome}”" if run.status == "ended" else "is under way"
        raise Conflict(f"The run {run_id} has not failed: it {how}.", "not_failed")
    if first is None or first.kind not in _REPEATABLE:
        raise Conflict("A call cannot be begun again: only its caller can call again.", "is_a_call")
    done = done_by(session, run_id)
    if done and not anyway:
        sentence = f"The run had done this already, and would do it again: {'; '.join(done[:5])}. Say anyway to retry."
        raise Conflict(sentence, "would_repeat", {"done": done})
    _make_room(session, run, who, take_back=take_back)
    put = append(session, NewEvent(run.conversation_id, _key(run_id), first.kind, first.happened))
    note_act(session, who, "retry_run", f"{run_id} as {put.event_id}")
    return Retried(put.event_id, put.duplicate)


def done_by(session: Session, run_id: int) -> list[str]:
    """What a run did that the world noticed: messages that left, and requests that may not be repeated."""
    sent = session.scalars(
        select(EffectRow.kind)
        .where(EffectRow.run_id == run_id, EffectRow.state.in_(("sent", "unknown", "sending")))
        .order_by(EffectRow.id)
    )
    done = [f"{kind.replace('_', ' ')}" for kind in sent]
    for trace in session.scalars(select(TurnRow.trace).where(TurnRow.run_id == run_id).order_by(TurnRow.number)):
        for entry in json.loads(trace):
            for ask in entry.get("asks", ()):
                request = ask["request"]
                unsafe = request.get("method") not in IDEMPOTENT and not request.get("may_be_repeated")
                if request.get("kind") == "http_request" and unsafe:
                    done.append(f"{request['method']} {request['url']}")
    return done


def _make_room(session: Session, run: RunRow, who: str, *, take_back: bool) -> None:
    conversation = session.get_one(Conversation, run.conversation_id)
    if conversation.run_id is not None:
        sentence = f"The conversation is in the run {conversation.run_id}: try again when that is over."
        raise Conflict(sentence, "already_running", {"run": conversation.run_id})
    if conversation.owner != "people":
        return
    if not take_back:
        raise Conflict("People have the conversation: close it there first, or say take_back.", "with_people")
    closing = {"result": "begun again", "by": who}
    inbox.put_action(session, conversation.id, "agent_closed", f"{_key(run.id)}/close", closing)


def _key(run_id: int) -> str:
    return f"retry/{run_id}"


def _run_after(session: Session, run_id: int, number: int) -> str | None:
    """The run after a turn as it is stored, while no later turn has changed it; else None."""
    run = session.get(RunRow, run_id)
    return run.state if run is not None and run.turn == number + 1 else None
