"""The API's figures: how often each exit was taken, where runs wait now, and which errors happen where."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, cast, func, select
from sqlalchemy.orm import Session

from app import publishing
from app.accounts.roles import Right
from app.models import FlowRow, Problem, RunRow, StepCount, Version
from app.models.conversation import reference as reference_of
from app.web.api.doors import Asked, Noun, one_of, text, whole
from app.web.api.lists import PAGE, wanted
from app.web.api.run_queries import SINCE, STANDING, between

noun = Noun("figures", Right.READ_FLOWS)

_EXAMPLES: Final = 3
_BY: Final = {"version": whole(1), "by": one_of("all", "quarter"), **SINCE}
_WHERE: Final = {"flow": text(200), "version": whole(1), "step": text(40), "kind": text(80), **SINCE}


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
        query = query.where(*_of_flow(row.id, asked))
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


@noun.get("/flows/<flow>/waiting", {**PAGE, "version": whole(1)})
def count_waiting(asked: Asked, flow: str) -> dict[str, Any]:
    """How many runs wait on each step now, per version; those in a called flow count on its step, not on the caller's.

    Cheap enough to be asked every few seconds: it reads an index of the runs that are under way or have failed.
    """
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        query = select(Version.number, RunRow.step, func.count()).join(Version, Version.id == RunRow.step_version_id)
        query = query.where(STANDING, RunRow.status == "waiting", *_of_flow(row.id, asked))
        query = query.group_by(Version.number, RunRow.step).order_by(Version.number.desc(), RunRow.step)
        rows = session.execute(query.offset(asked.query.get("after", 0)).limit(wanted(asked.query))).all()
    return _counted(asked, [{"version": version, "step": step, "waiting": count} for version, step, count in rows])


@noun.get("/errors", {**PAGE, **_WHERE}, right=Right.READ_RUNS)
def list_errors(asked: Asked) -> dict[str, Any]:
    """Problems grouped by flow, step and kind, the latest first: how many, the first, the last, and examples.

    The flow is the one whose step it is: what fails in a called flow is its own, whoever called it.
    """
    keys = (FlowRow.name, Problem.step, Problem.kind)
    latest = func.max(Problem.id)
    query = (
        select(*keys, func.count(), func.min(Problem.created_at), func.max(Problem.created_at), latest)
        .select_from(Problem)
        .outerjoin(Version, Version.id == Problem.version_id)
        .outerjoin(FlowRow, FlowRow.id == Version.flow_id)
        .where(*_meant(asked))
    )
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
                "examples": _examples(session, asked, flow, step, kind),
            }
            for flow, step, kind, count, first, last, _ in rows
        ]
    return _counted(asked, items)


def _examples(session: Session, asked: Asked, flow: str | None, step: str, kind: str) -> list[dict[str, Any]]:
    query = (
        select(Problem, Version.number)
        .outerjoin(Version, Version.id == Problem.version_id)
        .outerjoin(FlowRow, FlowRow.id == Version.flow_id)
    )
    query = query.where(*_meant(asked), Problem.step == step, Problem.kind == kind)
    query = query.where(FlowRow.name == flow if flow is not None else FlowRow.name.is_(None))
    return [
        {
            "run": row.run_id,
            "version": version,
            "conversation": None if row.conversation_id is None else reference_of(row.conversation_id),
            "message": row.message,
            "at": row.created_at.isoformat(),
        }
        for row, version in session.execute(query.order_by(Problem.id.desc()).limit(_EXAMPLES))
    ]


def _meant(asked: Asked) -> list[ColumnElement[bool]]:
    """What holds for the problems asked for."""
    since, until = between(asked.query)
    equal = {"flow": FlowRow.name, "version": Version.number, "step": Problem.step, "kind": Problem.kind}
    meant: list[ColumnElement[bool]] = [
        column == asked.query[name] for name, column in equal.items() if name in asked.query
    ]
    meant += [Problem.created_at >= since] if since else []
    return meant + ([Problem.created_at < until] if until else [])


def _of_flow(flow_id: int, asked: Asked) -> list[ColumnElement[bool]]:
    """What holds for the versions asked for."""
    return [
        Version.flow_id == flow_id,
        *([Version.number == asked.query["version"]] if "version" in asked.query else []),
    ]


def _counted(asked: Asked, items: list[dict[str, Any]]) -> dict[str, Any]:
    """A page whose place is how many went before."""
    most, after = wanted(asked.query) - 1, asked.query.get("after", 0)
    return {"items": items[:most], "next": after + most if len(items) > most else None}
