"""What people see of a run: in a list, where it stands and what it knows, and its turns one by one."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app.accounts.roles import Right, Rights
from app.models import Address, Contact, Conversation, EffectRow, InboundEvent, Message, Number, RunRow
from app.models.conversation import reference as reference_of
from app.web.api.called import Called, Visit, called, titles, visits_data
from flows.errors import FlowError
from flows.record import TurnRecord
from flows.run import Run
from flows.secrecy import HIDDEN, plain_values, private_texts, without
from flows.testing import retold
from flows.values import Value
from flows.wire import read

Json = Any
Listed = Row[RunRow, int, str]
"""A run, its version's number and its flow's name."""
Turn = Row[int, str, datetime, str, str]
"""A turn's number, its trace, when it was committed, the kind of its event, and its record."""

_KNOWS_PEOPLE: Final = frozenset({Right.READ_CONVERSATIONS, Right.READ_CONTACTS})

STANDING: Final = ("stack", "variables", "outputs", "error", "waits_for", "until", "in_queue")
"""What `standing_data` tells."""


def runs_data(session: Session, rows: Sequence[Listed], rights: Rights) -> list[dict[str, Json]]:
    """Runs in a list, each with whose it is; `contact` and `address` only for who may read conversations or contacts,
    or else whoever reads runs could read all addresses here."""
    hidden = {} if rights & _KNOWS_PEOPLE else {"contact": None, "address": None}
    named = titles(session, [(run.step_version_id, run.step) for run, _, _ in rows])
    talks = _talks(session, {run.conversation_id for run, _, _ in rows})
    return [
        {
            "id": run.id,
            "conversation": reference_of(run.conversation_id),
            **talks[run.conversation_id],
            **hidden,
            "flow": flow,
            "version": version,
            "status": run.status,
            "outcome": run.outcome,
            "step": run.step,
            "title": named[run.step_version_id, run.step],
            "turns": run.turn,
            "started_at": run.started_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        }
        for run, version, flow in rows
    ]


def standing_data(session: Session, row: RunRow) -> dict[str, Json]:
    """Where a run stands and what it knows; private variables are hidden, as in its trace.

    `stack` has the flow that was begun first, then those that it called; the variables are those of the last one.
    Raises: FlowError for a run that an older release wrote in another form.
    """
    run = read(Run, row.state)
    versions = called(session, [frame.version for frame in run.stack])
    private = _private(run, versions)
    declared = versions[run.stack[-1].version].drawn.variables if run.stack else {}
    return {
        "stack": [versions[frame.version].place(frame.step) for frame in run.stack],
        "variables": {
            name: HIDDEN if declared.get(name, {}).get("private") else value
            for name, value in plain_values(run.variables, private).items()
        },
        "outputs": plain_values(run.outputs, private),
        "error": plain_values(run.error, private),
        "waits_for": list(run.waiting.accepts) if run.waiting else [],
        "until": _until(session, row),
        "in_queue": run.in_queue,
    }


def turns_data(session: Session, run: RunRow, rows: Sequence[Turn]) -> list[dict[str, Json]]:
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


def _talks(session: Session, ids: Iterable[int]) -> Mapping[int, dict[str, Json]]:
    """With whom these conversations are, and on which of our numbers."""
    query = (
        select(Conversation.id, Contact.id, Contact.name, Address.kind, Address.value, Number.name, Conversation.kind)
        .join(Contact, Contact.id == Conversation.contact_id)
        .join(Address, Address.id == Conversation.address_id)
        .join(Number, Number.id == Conversation.number_id)
    )
    return {
        id_: {
            "contact": {"id": contact, "name": name},
            "address": {"kind": address_kind, "value": value},
            "number": number,
            "kind": kind,
        }
        for id_, contact, name, address_kind, value, number, kind in session.execute(
            query.where(Conversation.id.in_(set(ids)))
        )
    }


def _until(session: Session, row: RunRow) -> str | None:
    """When the present wait is over at the latest."""
    timer = select(func.min(InboundEvent.due_at)).where(
        InboundEvent.conversation_id == row.conversation_id,
        InboundEvent.state == "waiting",
        InboundEvent.kind == "timer_fired",
        InboundEvent.run_id == row.id,
    )
    due_at = session.scalar(timer) if row.status == "waiting" else None
    return due_at.isoformat() if due_at else None


def _effects(session: Session, run_id: int) -> Mapping[int, list[dict[str, Json]]]:
    """What left by each turn of a run, and what became of it; `message` is its place among the conversation's."""
    columns = (EffectRow.key, EffectRow.kind, EffectRow.state, EffectRow.attempts, EffectRow.error)
    query = select(*columns, EffectRow.settled_at, Message.id).outerjoin(Message, Message.effect_key == EffectRow.key)
    found: dict[int, list[dict[str, Json]]] = {}
    for key, kind, state, attempts, error, settled_at, message in session.execute(
        query.where(EffectRow.run_id == run_id).order_by(EffectRow.id)
    ):
        told = {"kind": kind, "state": state, "attempts": attempts, "error": error, "message": message}
        told["settled_at"] = settled_at.isoformat() if settled_at else None
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


def _again(record: TurnRecord | None, trace: Sequence[Visit], versions: Mapping[str, Called]) -> dict[str, Json] | None:
    told = retold(record.event.happened) if record else None
    if record is None or told is None or any(value == HIDDEN for visit in trace for value in visit["set"].values()):
        return None  # what came in was put into a private variable
    if _asks_privately(record.run_before, versions):
        return None  # a try that was not taken, or one that is read back before it is
    text = json.dumps(told, ensure_ascii=False)
    return told if without(text, _private(record.run_before, versions)) == text else None


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


def _private(run: Run, versions: Mapping[str, Called]) -> tuple[str, ...]:
    """What the private variables of the run's flows hold, as texts."""
    return private_texts((versions[version].drawn, values) for version, values in _scopes(run) if version in versions)


def _scopes(run: Run) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The version of each flow on the stack with its variables: those of the last one are the run's."""
    for frame in run.stack[:-1]:
        yield frame.version, frame.variables
    for frame in run.stack[-1:]:
        yield frame.version, run.variables
