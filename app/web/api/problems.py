"""The API's problems: what people should see, such as failed steps and messages that never arrived."""

from typing import Any

from sqlalchemy import Row, select

from app.accounts.roles import Right
from app.models import FlowRow, Problem, Version
from app.models.conversation import reference as reference_of
from app.web.api.doors import Asked, Noun, text
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import conversation_id

noun = Noun("problems", Right.READ_RUNS)


@noun.get("/problems", {**PAGE, "conversation": text(30), "kind": text(80)})
def list_problems(asked: Asked) -> dict[str, Any]:
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
    if "kind" in asked.query:
        query = query.where(Problem.kind == asked.query["kind"])
    with asked.house.database.reading() as session:
        if "conversation" in asked.query:
            query = query.where(Problem.conversation_id == conversation_id(session, asked.query["conversation"]))
        rows = session.execute(query).all()
    return page(rows, asked.query, _shown, lambda row: row[0].id)


def _shown(found: Row[Problem, int, str]) -> dict[str, Any]:
    row, version, flow = found
    return {
        "id": row.id,
        "conversation": None if row.conversation_id is None else reference_of(row.conversation_id),
        "run": row.run_id,
        "flow": flow,
        "version": version,
        "step": row.step,
        "kind": row.kind,
        "message": row.message,
        "at": row.created_at.isoformat(),
    }
