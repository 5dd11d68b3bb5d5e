"""The API's figures: how often each exit was taken, which errors happen where, and what changed."""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from app import publishing
from app.accounts.roles import Right
from app.db import from_microseconds, now, to_microseconds
from app.models import FlowRow, Problem, Revision, RunRow, StepCount, Version
from app.models.conversation import reference as reference_of
from app.web.api.doors import Asked, Noun, one_of, text, whole
from app.web.api.lists import PAGE, wanted
from app.web.api.run_queries import SINCE, between

noun = Noun("figures", Right.READ_FLOWS)

_EXAMPLES: Final = 3
_SETTLED: Final = timedelta(seconds=2)  # what commits late has an earlier instant than what was listed before
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


@noun.get("/changes", PAGE)
def list_changes(asked: Asked) -> dict[str, Any]:
    """What changed since `after`, the oldest first: drafts, versions and problems, two seconds after they happened.

    `next` is always the place to go on from: ask again with it as `after`, at most once a second.
    """
    after = from_microseconds(asked.query.get("after", 0))
    most = wanted(asked.query)
    with asked.house.database.reading() as session:
        before = now(session) - _SETTLED
        sources = [_drafts(session, after, before, most), _versions(session, after, before, most)]
        if Right.READ_RUNS in asked.caller.rights:
            sources.append(_problems(session, after, before, most))
        found = list(heapq.merge(*sources, key=lambda one: one[0]))
    shown = found[: most - 1]
    while len(found) > len(shown) > 1 and found[len(shown)][0] == shown[-1][0]:  # one instant is not cut in two
        shown.pop()
    place = to_microseconds(shown[-1][0]) if shown else asked.query.get("after", 0)
    return {"items": [{"at": at.isoformat(), **told} for at, told in shown], "next": place}


Change = tuple[datetime, dict[str, Any]]


def _drafts(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Revision.created_at, FlowRow.name, Revision.number, Revision.author)
    query = query.join(FlowRow, FlowRow.id == Revision.flow_id)
    query = query.where(Revision.created_at > after, Revision.created_at <= before)
    for at, flow, number, author in session.execute(query.order_by(Revision.created_at).limit(most)):
        yield at, {"kind": "draft_saved", "flow": flow, "revision": number, "by": author}


def _versions(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Version.created_at, FlowRow.name, Version.number, Version.author)
    query = query.join(FlowRow, FlowRow.id == Version.flow_id)
    query = query.where(Version.created_at > after, Version.created_at <= before)
    for at, flow, number, author in session.execute(query.order_by(Version.created_at).limit(most)):
        yield at, {"kind": "published", "flow": flow, "version": number, "by": author}


def _problems(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Problem).where(Problem.created_at > after, Problem.created_at <= before)
    for row in session.scalars(query.order_by(Problem.created_at).limit(most)):
        told = {"kind": "problem", "problem": row.id, "run": row.run_id, "step": row.step, "error": row.kind}
        yield row.created_at, told


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
