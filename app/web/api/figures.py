"""The API's figures: how often each exit was taken, and which errors happen where."""

from typing import Any, Final

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from app import publishing
from app.accounts.roles import Right
from app.models import FlowRow, Problem, RunRow, StepCount, Version
from app.models.conversation import reference as reference_of
from app.web.api.doors import Asked, Noun, one_of, text, whole
from app.web.api.lists import PAGE, wanted
from app.web.api.run_queries import SINCE, between

noun = Noun("figures", Right.READ_FLOWS)

_EXAMPLES: Final = 3
_BY: Final = {"version": whole(1), "by": one_of("all", "quarter"), **SINCE}


@noun.get("/flows/<flow>/counts", {**PAGE, **_BY})
def count_exits(asked: Asked, flow: str) -> dict[str, Any]:
    """How often each exit of each step was taken, and failed: per version, `by` quarter of an hour or in all."""
    since, until = between(asked.query)
    by_quarter = asked.query.get("by") == "quarter"
    keys = (Version.number, StepCount.step, StepCount.exit)
    taken, failed = cast(func.sum(StepCount.taken), Integer), cast(func.sum(StepCount.failed), Integer)
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        grouped = (*keys, StepCount.quarter_at) if by_quarter else keys
        query = select(*grouped, taken, failed).join(Version, Version.id == StepCount.version_id)
        query = query.where(Version.flow_id == row.id)
        if "version" in asked.query:
            query = query.where(Version.number == asked.query["version"])
        query = query.where(StepCount.quarter_at >= since) if since else query
        query = query.where(StepCount.quarter_at < until) if until else query
        query = query.group_by(*grouped).order_by(
            *(column.desc() if column is Version.number else column for column in grouped)
        )
        rows = session.execute(query.offset(asked.query.get("after", 0)).limit(wanted(asked.query))).all()

    def shown(one: Any) -> dict[str, Any]:
        version, step, exit_, *rest = one
        at = {"quarter_at": rest[0].isoformat()} if by_quarter else {}
        return {"version": version, "step": step, "exit": exit_, **at, "taken": rest[-2], "failed": rest[-1]}

    return _counted(asked, [shown(one) for one in rows])


@noun.get("/errors", {**PAGE, "flow": text(200), "step": text(40), "kind": text(80), **SINCE}, right=Right.READ_RUNS)
def list_errors(asked: Asked) -> dict[str, Any]:
    """Problems grouped by flow, step and kind, the latest first: how many, the first, the last, and examples."""
    since, until = between(asked.query)
    keys = (FlowRow.name, Problem.step, Problem.kind)
    latest = func.max(Problem.id)
    query = (
        select(*keys, func.count(), func.min(Problem.created_at), func.max(Problem.created_at), latest)
        .select_from(Problem)
        .outerjoin(RunRow, RunRow.id == Problem.run_id)
        .outerjoin(Version, Version.id == RunRow.version_id)
        .outerjoin(FlowRow, FlowRow.id == Version.flow_id)
    )
    for name, column in {"flow": FlowRow.name, "step": Problem.step, "kind": Problem.kind}.items():
        if name in asked.query:
            query = query.where(column == asked.query[name])
    query = query.where(Problem.created_at >= since) if since else query
    query = query.where(Problem.created_at < until) if until else query
    query = query.group_by(*keys).order_by(latest.desc())
    with asked.house.database.reading() as session:
        rows = session.execute(query.offset(asked.query.get("after", 0)).limit(wanted(asked.query))).all()
        items = [
            {
                "flow": flow,
                "step": step,
                "kind": kind,
                "count": count,
                "first_at": first.isoformat(),
                "last_at": last.isoformat(),
                "examples": _examples(session, flow, step, kind),
            }
            for flow, step, kind, count, first, last, _ in rows
        ]
    return _counted(asked, items)


def _examples(session: Session, flow: str | None, step: str, kind: str) -> list[dict[str, Any]]:
    query = select(Problem).where(Problem.step == step, Problem.kind == kind)
    if flow is not None:
        runs = select(RunRow.id).join(Version, Version.id == RunRow.version_id).join(FlowRow)
        query = query.where(Problem.run_id.in_(runs.where(FlowRow.name == flow)))
    else:
        query = query.where(Problem.run_id.is_(None))
    return [
        {
            "run": row.run_id,
            "conversation": None if row.conversation_id is None else reference_of(row.conversation_id),
            "message": row.message,
            "at": row.created_at.isoformat(),
        }
        for row in session.scalars(query.order_by(Problem.id.desc()).limit(_EXAMPLES))
    ]


def _counted(asked: Asked, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A page whose place is how many went before."""
    most, after = wanted(asked.query) - 1, asked.query.get("after", 0)
    return {"items": items[:most], "next": after + most if len(items) > most else None}
