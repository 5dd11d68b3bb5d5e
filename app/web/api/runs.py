"""The API's runs: where each conversation stands in its flow, and why it came there."""

import json
from typing import Any

from sqlalchemy import Row, Select, select

from app.accounts.roles import Right
from app.errors import NotFound
from app.models import FlowRow, InboundEvent, RunRow, TurnRow, Version
from app.models.conversation import reference as reference_of
from app.web.api.doors import ROW_ID, Asked, Noun, one_of, text
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import conversation_id

noun = Noun("runs", Right.READ_RUNS, Right.MEND_RUNS)


@noun.get("/runs", {**PAGE, "conversation": text(30), "flow": text(200), "status": one_of("waiting", "ended")})
def list_runs(asked: Asked) -> dict[str, Any]:
    """Runs, the newest first."""
    query = _query().order_by(RunRow.id.desc()).limit(wanted(asked.query))
    if asked.query.get("after"):
        query = query.where(RunRow.id < asked.query["after"])
    if "status" in asked.query:
        query = query.where(RunRow.status == asked.query["status"])
    if "flow" in asked.query:
        query = query.where(FlowRow.name == asked.query["flow"])
    with asked.house.database.reading() as session:
        if "conversation" in asked.query:
            query = query.where(RunRow.conversation_id == conversation_id(session, asked.query["conversation"]))
        rows = session.execute(query).all()
    return page(rows, asked.query, _shown, lambda row: row[0].id)


@noun.get(f"/runs/{ROW_ID}")
def read_run(asked: Asked, number: int) -> dict[str, Any]:
    """One run, with its variables and the step it stands on."""
    with asked.house.database.reading() as session:
        row = session.execute(_query().where(RunRow.id == number)).first()
    if row is None:
        raise NotFound(f"There is no run {number}: GET /api/v1/runs lists them.")
    return {**_shown(row), "run_state": json.loads(row[0].state)}


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

    def shown(row: Row[int, str, Any, str]) -> dict[str, Any]:
        turn, trace, at, kind = row
        return {"turn": turn, "event": kind, "at": at.isoformat(), "steps": json.loads(trace)}

    return page(rows, asked.query, shown, lambda row: row[0])


def _query() -> Select[RunRow, int, str]:
    return (
        select(RunRow, Version.number, FlowRow.name)
        .join(Version, Version.id == RunRow.version_id)
        .join(FlowRow, FlowRow.id == Version.flow_id)
    )


def _shown(row: Row[RunRow, int, str]) -> dict[str, Any]:
    run, version, flow = row
    return {
        "id": run.id,
        "conversation": reference_of(run.conversation_id),
        "flow": flow,
        "version": version,
        "status": run.status,
        "outcome": run.outcome,
        "turns": run.turn,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }
