"""The API's figures: how often each exit was taken, where runs wait now, and which errors happen where."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, NotRequired, TypedDict

from sqlalchemy import ColumnElement, Integer, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from app import publishing
from app.accounts.roles import Right
from app.db import from_microseconds, to_microseconds
from app.errors import Invalid
from app.models import FlowRow, Problem, RunRow, StepCount, Version
from app.models.conversation import reference as reference_of
from app.web.api.answers import Instant, PageData
from app.web.api.called import titles
from app.web.api.doors import Asked, Noun, Schema, one_of, text, whole
from app.web.api.lists import PAGE, page, wanted
from app.web.api.run_queries import SINCE, STANDING, between

noun = Noun("figures", Right.READ_FLOWS)

_EXAMPLES: Final = 3
_PLACE: Final[Schema] = {
    "type": "string",
    "pattern": "^[0-9]{1,9}(/[a-z0-9_]{0,60}){1,2}(/[0-9]{1,16})?$",
    "x-says": "`next` of the page before",
}
_COUNTED: Final = {**PAGE, "after": _PLACE}  # how many rows went before would be another place once there are more
_BY: Final = {"version": whole(1), "by": one_of("all", "quarter"), **SINCE}
_WHERE: Final = {"flow": text(200), "version": whole(1), "step": text(40), "kind": text(80), **SINCE}


class ExitCountData(TypedDict):
    """How often an exit of a step was taken, and how often of these because the step failed; `quarter_at` is there when
    quarters of an hour were asked for."""

    version: int
    step: str
    exit: str
    quarter_at: NotRequired[Instant]
    taken: int
    failed: int


class WaitingCountData(TypedDict):
    """How many runs wait on a step of a version."""

    version: int
    step: str
    waiting: int


class ErrorExampleData(TypedDict):
    """One of the problems of a group."""

    run: int | None
    version: int | None
    conversation: Annotated[str | None, "The conversation's reference."]
    message: str
    at: Instant


class ErrorGroupData(TypedDict):
    """Problems of one kind at one step; `flow` is null and `step` empty for what happened outside of all steps."""

    flow: str | None
    step: str
    title: Annotated[str, "What the step's author called it, else its id."]
    kind: Annotated[str, "The kind of error, such as timeout."]
    count: int
    first_at: Instant
    last_at: Instant
    examples: Annotated[list[ErrorExampleData], f"At most {_EXAMPLES}, the latest first."]


@noun.get("/flows/<flow>/counts", {**_COUNTED, **_BY})
def count_exits(asked: Asked, flow: str) -> PageData[ExitCountData]:
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
        rows = session.execute(_ordered(query, grouped, asked)).all()

    def shown(one: Any) -> ExitCountData:
        version, step, exit_, *rest = one
        told: ExitCountData = {"version": version, "step": step, "exit": exit_, "taken": rest[-2], "failed": rest[-1]}
        if by_quarter:
            told["quarter_at"] = rest[0].isoformat()
        return told

    def place(one: Any) -> str:
        return "/".join(map(str, (*one[:3], to_microseconds(one[3])) if by_quarter else one[:3]))

    return page(rows, asked.query, shown, place)


@noun.get("/flows/<flow>/waiting", {**_COUNTED, "version": whole(1)})
def count_waiting(asked: Asked, flow: str) -> PageData[WaitingCountData]:
    """How many runs wait on each step now, per version; those in a called flow count on its step, not on the caller's.

    Cheap enough to be asked every few seconds: it reads an index of the runs that are under way or have failed.
    """
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        query = select(Version.number, RunRow.step, func.count()).join(Version, Version.id == RunRow.step_version_id)
        query = query.where(STANDING, RunRow.status == "waiting", *_of_flow(row.id, asked))
        rows = session.execute(_ordered(query, (Version.number, RunRow.step), asked)).all()
    return page(
        rows,
        asked.query,
        lambda one: {"version": one[0], "step": one[1], "waiting": one[2]},
        lambda one: f"{one[0]}/{one[1]}",
    )


@noun.get("/errors", {**PAGE, **_WHERE}, right=Right.READ_RUNS)
def list_errors(asked: Asked) -> PageData[ErrorGroupData]:
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
    query = query.group_by(*keys).order_by(latest.desc()).limit(wanted(asked.query))
    if asked.query.get("after"):
        query = query.having(latest < asked.query["after"])  # one that happens again meanwhile stands before the first
    with asked.house.database.reading() as session:
        rows = session.execute(query).all()
        lasts = select(Problem.id, Problem.version_id).where(Problem.id.in_([row[-1] for row in rows]))
        last = dict(session.execute(lasts).all())
        named = titles(session, [(last[row[-1]], row[1]) for row in rows])
        items: list[ErrorGroupData] = [
            {
                "flow": flow,
                "step": step,
                "title": named[last[latest_one], step],
                "kind": kind,
                "count": count,
                "first_at": first.isoformat(),
                "last_at": last_at.isoformat(),
                "examples": _examples(session, asked, flow, step, kind),
            }
            for flow, step, kind, count, first, last_at, latest_one in rows
        ]
    return page(list(zip(items, rows, strict=True)), asked.query, lambda one: one[0], lambda one: int(one[1][-1]))


def _examples(session: Session, asked: Asked, flow: str | None, step: str, kind: str) -> list[ErrorExampleData]:
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


def _ordered(query: Any, columns: Sequence[Any], asked: Asked) -> Any:
    """The counts grouped by these columns and a page of them: the newest version first, everything else upwards."""
    if "after" in asked.query:
        ways: list[ColumnElement[bool]] = []
        equal: list[ColumnElement[bool]] = []
        for column, value in zip(columns, _place(asked.query["after"], len(columns)), strict=True):
            ways.append(and_(*equal, column < value if column is Version.number else column > value))
            equal.append(column == value)
        query = query.where(or_(*ways))
    order = [column.desc() if column is Version.number else column for column in columns]
    return query.group_by(*columns).order_by(*order).limit(wanted(asked.query))


def _place(written: str, parts: int) -> list[Any]:
    """Raises: Invalid for the place of another list."""
    version, *names = written.split("/")
    if len(names) != parts - 1:
        sentence = "“after” is the place of another list: take `next` of the page before."
        raise Invalid(sentence, "bad_query", field="after")
    return [int(version), *names[:2], *(from_microseconds(int(one)) for one in names[2:])]
