"""The API's runs: where each conversation stands in its flow, and why it came there."""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.errors import NotFound
from app.mending import replay_turn, retry
from app.models import FlowRow, InboundEvent, RunRow, TurnRow, Version
from app.web.api.doors import ROW_ID, YES_NO, Asked, Noun, fields
from app.web.api.lists import PAGE, page, wanted
from app.web.api.run_queries import FILTERS, filtered, run_data, runs

noun = Noun("runs", Right.READ_RUNS, Right.MEND_RUNS)


@noun.get("/runs", {**PAGE, **FILTERS})
def list_runs(asked: Asked) -> dict[str, Any]:
    """Runs, the newest first; `step` finds those that stand there or failed there, `problem` a kind or `any`."""
    with asked.house.database.reading() as session:
        query = filtered(session, runs(), asked.query).order_by(RunRow.id.desc()).limit(wanted(asked.query))
        if asked.query.get("after"):
            query = query.where(RunRow.id < asked.query["after"])
        rows = session.execute(query).all()
    return page(rows, asked.query, run_data, lambda row: row[0].id)


@noun.get(f"/runs/{ROW_ID}")
def read_run(asked: Asked, number: int) -> dict[str, Any]:
    """One run, with its variables and the step it stands on."""
    with asked.house.database.reading() as session:
        row = session.execute(runs().where(RunRow.id == number)).first()
    if row is None:
        raise NotFound(f"There is no run {number}: GET /api/v1/runs lists them.")
    return {**run_data(row), "run_state": json.loads(row[0].state)}


@noun.get(f"/runs/{ROW_ID}/trace", PAGE)
def read_trace(asked: Asked, number: int) -> dict[str, Any]:
    """A run's turns, the first one first: each visited step with its inputs, its exit and why."""
    with asked.house.database.reading() as session:
        if session.get(RunRow, number) is None:
            raise NotFound(f"There is no run {number}: GET /api/v1/runs lists them.")
        query = (
            select(TurnRow.number, TurnRow.trace, TurnRow.created_at, InboundEvent.kind)
            .outerjoin(InboundEvent, InboundEvent.id == TurnRow.event_id)
            .where(TurnRow.run_id == number)
        )
        if "after" in asked.query:
            query = query.where(TurnRow.number > asked.query["after"])
        rows = session.execute(query.order_by(TurnRow.number).limit(wanted(asked.query))).all()
        turns = [
            {"turn": turn, "event": kind, "at": at.isoformat(), "steps": json.loads(trace)}
            for turn, trace, at, kind in rows
        ]
        _call_as_in_lists(session, [entry for turn in turns for entry in turn["steps"]])
    return page(turns, asked.query, dict, lambda turn: turn["turn"])


@noun.post(f"/runs/{ROW_ID}/turns/<int(max=1000000):turn>/replay", fields({}), right=Right.READ_RUNS)
def replay_recorded_turn(asked: Asked, number: int, turn: int) -> dict[str, Any]:
    """Walks a recorded turn again from what was stored, and compares it byte for byte; nothing is sent or asked."""
    with asked.house.database.reading() as session:
        replayed = replay_turn(session, asked.house, number, turn)
    return asdict(replayed)


@noun.post(f"/runs/{ROW_ID}/retry", fields({"anyway": YES_NO, "take_back": YES_NO}), status=202)
def retry_run(asked: Asked, number: int) -> dict[str, Any]:
    """Begins a failed run again with its first event, as a new run of what is live now; once for each failed run.

    409 `would_repeat` lists messages that left and requests that may not be repeated, unless `anyway`. `take_back`
    takes the conversation from people first.
    """
    given = {name: asked.body.get(name, False) for name in ("anyway", "take_back")}
    with asked.house.database.transaction() as session:
        retried = retry(session, number, asked.who, **given)
    asked.house.lanes.wake("turns")
    return {"run": retried.run_id, "duplicate": retried.duplicate}


def _call_as_in_lists(session: Session, entries: list[dict[str, Any]]) -> None:
    """A recorded visit names its version's row; whoever reads knows a flow and the number of its version."""
    rows = {int(entry["version"]) for entry in entries}
    query = select(Version.id, FlowRow.name, Version.number).join(FlowRow, FlowRow.id == Version.flow_id)
    called = {str(row): (flow, number) for row, flow, number in session.execute(query.where(Version.id.in_(rows)))}
    for entry in entries:
        entry["flow"], entry["version"] = called[entry["version"]]
