"""The API's problems: what people should see, such as failed steps and messages that never arrived."""

from typing import Annotated, Final, TypedDict

from sqlalchemy import Row, select

from app.accounts.roles import Right
from app.models import FlowRow, Problem, Version
from app.models.conversation import reference as reference_of
from app.web.api.answers import Instant, PageData
from app.web.api.called import Titles, titles
from app.web.api.doors import Asked, Noun, text, whole
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import conversation_id
from app.web.api.run_queries import SINCE, between

noun = Noun("problems", Right.READ_RUNS)


class ProblemData(TypedDict):
    """Something that people should see, with the conversation, run and step that it is about; null or empty for none.

    `flow` and `version` are those whose step it is; `title` is the name that its author gave it, or else its id.
    """

    id: int
    conversation: str | None
    run: int | None
    flow: str | None
    version: int | None
    step: str
    title: str
    kind: Annotated[str, "An error kind of a step, a message or the house, such as set_aside."]
    message: str
    at: Instant


_FILTERS: Final = {
    "conversation": text(30),
    "flow": text(200),
    "version": whole(1),
    "step": text(40),
    "kind": text(80),
    **SINCE,
}


@noun.get("/problems", {**PAGE, **_FILTERS})
def list_problems(asked: Asked) -> PageData[ProblemData]:
    """Problems, the newest first; `flow` and `version` are those whose step it is, also in a run of another flow."""
    query = (
        select(Problem, Version.number, FlowRow.name)
        .outerjoin(Version, Version.id == Problem.version_id)
        .outerjoin(FlowRow, FlowRow.id == Version.flow_id)
        .order_by(Problem.id.desc())
        .limit(wanted(asked.query))
    )
    if asked.query.get("after"):
        query = query.where(Problem.id < asked.query["after"])
    equal = {"flow": FlowRow.name, "version": Version.number, "step": Problem.step, "kind": Problem.kind}
    for name, column in equal.items():
        if name in asked.query:
            query = query.where(column == asked.query[name])
    since, until = between(asked.query)
    query = query.where(Problem.created_at >= since) if since else query
    query = query.where(Problem.created_at < until) if until else query
    with asked.house.database.reading() as session:
        if "conversation" in asked.query:
            query = query.where(Problem.conversation_id == conversation_id(session, asked.query["conversation"]))
        rows = session.execute(query).all()
        named = titles(session, [(row.version_id, row.step) for row, _, _ in rows])
    return page(rows, asked.query, lambda row: _shown(row, named), lambda row: row[0].id)


def _shown(found: Row[Problem, int, str], named: Titles) -> ProblemData:
    row, version, flow = found
    return {
        "id": row.id,
        "conversation": None if row.conversation_id is None else reference_of(row.conversation_id),
        "run": row.run_id,
        "flow": flow,
        "version": version,
        "step": row.step,
        "title": named[row.version_id, row.step],
        "kind": row.kind,
        "message": row.message,
        "at": row.created_at.isoformat(),
    }
