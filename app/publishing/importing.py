"""Flows leave in a file, and come back from one: as a whole or not at all."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypedDict

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.errors import Conflict, Invalid, NotFound
from app.house import House
from app.models import FlowRow, Revision
from app.publishing import drafts
from app.publishing.creating import Making, create
from app.publishing.drafts import Draft
from app.publishing.import_plan import Choices, Plan, State, plan
from flows import document, flow_file
from flows.document import Flow
from flows.flow_file import FlowFile

_CLASS: Final = 7306  # our class of advisory locks for imports of flows; see store.webhooks for the others


class PlannedFlowData(TypedDict):
    """A flow of the file: what it is called here and in the file, and the revision that it will have."""

    name: str
    in_file: str
    does: Literal["create", "revise", "nothing"]
    revision: int


class FlowImportNeedData(TypedDict):
    """One thing that flows of the file name, and how it stands here."""

    kind: Annotated[str, "In the plural, as credentials: one of the vocabulary's `needs`."]
    name: str
    state: State
    flows: Annotated[list[str], "The names, in the file, of those that name it."]
    use: Annotated[str, "What was chosen in its place; empty for nothing."]
    may_create: bool
    sentence: Annotated[str, "What is to be known or done about it; empty for nothing."]


class FlowImportPlanData(TypedDict):
    """What an import would do, or did; `complete` once nothing more has to be decided."""

    flows: list[PlannedFlowData]
    needs: list[FlowImportNeedData]
    unknown_steps: Annotated[list[str], "The types of steps that are not installed here."]
    complete: bool


class Undecided(Conflict):
    """Something the file names is missing here, and nobody said what to do; `details` holds the plan."""

    code = "import_undecided"


def export_all(session: Session, house: House, names: Sequence[str] = ()) -> str:
    """The latest drafts of these flows (none: of all) as the text of a file. Raises: NotFound."""
    query = (
        select(FlowRow.name, Revision.document)
        .join(Revision, (Revision.flow_id == FlowRow.id) & (Revision.number == FlowRow.latest_revision))
        .order_by(FlowRow.name)
    )
    rows = session.execute(query.where(FlowRow.name.in_(names)) if names else query).all()
    stored = {name: text for name, text in rows}  # noqa: C416  rows are no pairs to the type checker
    missing = next((name for name in names if name not in stored), None)
    if missing is not None:
        raise NotFound(f"There is no flow “{missing[:200]}”: GET /api/v1/flows lists them.")
    if not stored:
        raise NotFound("There are no flows to export yet.")
    if len(stored) > flow_file.MOST_FLOWS:
        raise Invalid(f"A file holds at most {flow_file.MOST_FLOWS} flows: name those you want.", "too_many_flows")
    return flow_file.write([document.read(text) for text in stored.values()], house.steps)


def apply(session: Session, house: House, file: FlowFile, choices: Choices, author: str) -> tuple[Plan, list[Draft]]:
    """Imports all flows of a file, and creates what was decided to be created.

    Of two imports at once the later one waits, and finds what the first one made.
    Raises: Undecided with the plan; Invalid; Conflict; app.credentials.CredentialRefused.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:class, 0)"), {"class": _CLASS})
    decided = plan(session, house, file, choices, locked=True)
    if decided.is_open:
        open_ones = [need for need in decided.needs if need.is_open]
        more = f" {len(open_ones) - 3} more are missing too." if len(open_ones) > 3 else ""
        raise Undecided(" ".join(need.sentence for need in open_ones[:3]) + more, details=plan_data(decided))
    for need in decided.needs:
        if need.state == "created":
            given = choices.of(need.kind, need.name)["create"]
            create(session, need.kind, Making(house, author, need.name, given if isinstance(given, Mapping) else {}))
    kept = [_keep(session, one.flow, author) for one in decided.flows]
    note_act(session, author, "import_flows", ", ".join(one.name for one in decided.flows)[:1_000])
    return decided, kept


def plan_data(planned: Plan) -> FlowImportPlanData:
    """A plan as JSON data."""
    return {
        "flows": [
            {"name": one.name, "in_file": one.in_file, "does": one.does, "revision": one.revision}
            for one in planned.flows
        ],
        "needs": [
            {
                "kind": f"{need.kind}s",
                "name": need.name,
                "state": need.state,
                "flows": list(need.flows),
                "use": need.use,
                "may_create": need.may_create,
                "sentence": need.sentence,
            }
            for need in planned.needs
        ],
        "unknown_steps": list(planned.unknown_steps),
        "complete": not planned.is_open,
    }


def _keep(session: Session, flow: Flow, author: str) -> Draft:
    known = session.scalar(select(FlowRow).where(FlowRow.name == flow.name))
    if known is None:
        return drafts.create(session, flow, author)
    return drafts.save(session, known, flow, known.latest_revision, author)
