"""Published versions, as a run that enters a flow needs them."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.ask import FlowVersion, FlowVersionAnswer

_FOUND = """
    SELECT v.id FROM flows f LEFT JOIN versions v ON v.flow_id = f.id AND (:number = 0 OR v.number = :number)
    WHERE f.name = :name ORDER BY v.number DESC LIMIT 1
"""


def version_to_enter(session: Session, request: FlowVersion) -> FlowVersionAnswer:
    """The version of that number, else the latest that is published now; or why there is none."""
    number = int(request.version) if request.version.isdecimal() else 0
    row = session.execute(text(_FOUND), {"name": request.flow, "number": number}).first()
    if row is None:
        return FlowVersionAnswer("", f"There is no flow “{request.flow}” (any more).", "flow_missing")
    if row.id is None:
        what = f"has no version {number}" if number else "has never been published"
        return FlowVersionAnswer("", f"The flow “{request.flow}” {what}.", "not_published")
    return FlowVersionAnswer(str(row.id))
