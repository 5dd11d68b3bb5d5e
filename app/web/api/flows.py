"""The API's flows: drafts are created, read, saved, checked and exported."""

from typing import Annotated, Any, TypedDict

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import publishing
from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.house import House
from app.models import FlowRow, Revision
from app.publishing import Draft
from app.publishing.uses import flows_that_name
from app.web.api.answers import FlowDocument, Instant, PageData
from app.web.api.doors import NAME, Asked, Noun, Schema, fields, whole
from app.web.api.flow_views import (
    Author,
    ExitData,
    FindingData,
    FlowData,
    FlowNameData,
    FlowSavedData,
    FlowStandingData,
    finding_data,
    flows_data,
    published_data,
)
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from flows import document
from flows.check.drawing import Drawn, drawing
from flows.document import Flow
from flows.named import NAMED
from flows.step import Medium

noun = Noun("flows", Right.READ_FLOWS, Right.EDIT_FLOWS)

_DOCUMENT: Schema = {"type": "object"}  # the engine's reader says what may stand in it
_REVISION = {"revision": whole(1)}
_USES: Schema = {
    "type": "string",
    "pattern": f"^({'|'.join(NAMED)})/.{{1,200}}$",
    "x-says": f"one of {', '.join(NAMED)}, a slash, and the name (of a file its sha256)",
}


class DraftData(FlowNameData, FlowSavedData, FlowStandingData):
    """A draft, or an earlier revision of it, with all findings."""

    document: FlowDocument
    findings: list[FindingData]


class RevisionData(TypedDict):
    """One saved state of a draft."""

    revision: int
    base: Annotated[int, "The revision that it was made on; 0 for the first."]
    author: Author
    saved_at: Instant


class DrawnStepData(TypedDict):
    """One placed step. `surely` and `perhaps` name the variables that have a value here, on every way or on some."""

    title: str
    summary: str
    exits: list[ExitData]
    media: Annotated[list[Medium], "Where it works."]
    waits: bool
    sets: Annotated[list[str], "The variables that it sets."]
    surely: list[str]
    perhaps: list[str]


class CheckedFlowData(TypedDict):
    """What is wrong with a flow, and what an editor draws of it."""

    findings: list[FindingData]
    steps: Annotated[dict[str, DrawnStepData], "All steps by their ids."]


@noun.get("/flows", {**PAGE, **SEARCH, "uses": _USES})
def list_flows(asked: Asked) -> PageData[FlowData]:
    """All flows, by the order of their making; `search` finds parts of names, `uses` those that name a thing.

    `uses=credential/crm`: in their draft, their latest version, or one that answers a number.
    """
    query = select(FlowRow).where(FlowRow.id > asked.query.get("after", 0)).order_by(FlowRow.id)
    query = query.where(searched(asked.query, FlowRow.name))
    with asked.house.database.reading() as session:
        if "uses" in asked.query:
            kind, _, name = asked.query["uses"].partition("/")
            query = query.where(FlowRow.name.in_(flows_that_name(session, asked.house.steps, kind, name)))
        shown = flows_data(session, session.scalars(query.limit(wanted(asked.query))).all())
    return page(shown, asked.query, lambda flow: flow, lambda flow: flow["id"])


@noun.post("/flows", fields({"name": NAME, "document": _DOCUMENT}), status=201)
def create_flow(asked: Asked) -> DraftData:
    """A new flow: an empty one of that name, or this document."""
    given = asked.body.get("document")
    flow = document.from_data(given if given is not None else _empty(asked.body.get("name", "")), asked.house.limits)
    if given is not None and asked.body.get("name", flow.name) != flow.name:
        flow = document.from_data({**document.to_data(flow), "name": asked.body["name"]}, asked.house.limits)
    publishing.ask_ahead(asked.house.steps, flow)
    with asked.house.database.transaction() as session:
        return draft_data(session, asked.house, publishing.create(session, flow, asked.who))


@noun.get("/flows/<flow>", _REVISION)
def read_flow(asked: Asked, flow: str) -> DraftData:
    """A flow's draft with all findings; an earlier revision by its number."""
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        return draft_data(session, asked.house, publishing.read(session, row, asked.query.get("revision", 0)))


@noun.put("/flows/<flow>", fields({"document": _DOCUMENT, "base": whole(1)}, "document", "base"))
def save_flow(asked: Asked, flow: str) -> DraftData:
    """Saves a draft made on revision `base`, merged with what others saved since; 409 where both changed a field."""
    changed = document.from_data(asked.body["document"], asked.house.limits)
    publishing.ask_ahead(asked.house.steps, changed)
    with asked.house.database.transaction() as session:
        row = publishing.find_flow(session, flow, locked=True)
        draft = publishing.save(session, row, changed, asked.body["base"], asked.who)
        return draft_data(session, asked.house, draft)


@noun.get("/flows/<flow>/revisions", PAGE)
def list_revisions(asked: Asked, flow: str) -> PageData[RevisionData]:
    """All revisions of a draft, the newest first."""
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        rows = session.scalars(
            select(Revision)
            .where(Revision.flow_id == row.id, Revision.number < (asked.query.get("after") or row.latest_revision + 1))
            .order_by(Revision.number.desc())
            .limit(wanted(asked.query))
        ).all()
    return page(rows, asked.query, _revision_data, lambda one: one.number)


@noun.post("/flows/<flow>/check", fields({"document": _DOCUMENT}), right=Right.READ_FLOWS)
def check_flow(asked: Asked, flow: str) -> CheckedFlowData:
    """All findings about a draft, or about this document in its place; nothing is saved.

    `steps` tells of each its exits, its summary and the variables it may read, surely or perhaps.
    """
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        given = asked.body.get("document")
        read = publishing.read(session, row).flow if given is None else document.from_data(given, asked.house.limits)
        found = findings_data(session, asked.house, row.id, read)
    drawn = drawing(read, asked.house.steps, asked.house.limits)
    return {"findings": found, "steps": {id: _drawn_data(one) for id, one in drawn.items()}}


@noun.get("/flows/<flow>/export", {**_REVISION, "version": whole(1)})
def export_flow(asked: Asked, flow: str) -> Response:
    """The draft, a revision or a version as a file, byte for byte as it is stored."""
    with asked.house.database.transaction() as session:
        row = publishing.find_flow(session, flow)
        note_act(session, asked.who, "export_flow", row.name)
        if "version" in asked.query:
            stored = publishing.read_version(session, row, asked.query["version"]).document
        else:
            stored = document.write(publishing.read(session, row, asked.query.get("revision", 0)).flow)
    response = Response(stored, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="flow-{row.id}.json"'
    return response


def findings_data(session: Session, house: House, flow_id: int, flow: Flow) -> list[FindingData]:
    """The findings as plain data."""
    return [finding_data(finding) for finding in publishing.findings(session, house, flow_id, flow)]


def draft_data(session: Session, house: House, draft: Draft) -> DraftData:
    """A draft as plain data, with its findings and what is published of the flow."""
    return {
        "id": draft.flow_id,
        "name": draft.name,
        "revision": draft.revision,
        "author": draft.author,
        "saved_at": draft.saved_at.isoformat(),
        **published_data(session, [draft.flow_id])[draft.flow_id],
        "document": document.to_data(draft.flow),
        "findings": findings_data(session, house, draft.flow_id, draft.flow),
    }


def _drawn_data(drawn: Drawn) -> DrawnStepData:
    return {
        "title": drawn.title,
        "summary": drawn.summary,
        "exits": [{"id": way.id, "title": way.title} for way in drawn.exits],
        "media": list(drawn.media),
        "waits": drawn.waits,
        "sets": list(drawn.sets),
        "surely": list(drawn.surely),
        "perhaps": list(drawn.perhaps),
    }


def _revision_data(row: Revision) -> RevisionData:
    return {
        "revision": row.number,
        "base": row.base_number,
        "author": row.author,
        "saved_at": row.created_at.isoformat(),
    }


def _empty(name: str) -> dict[str, Any]:
    return {"format": 1, "name": name, "languages": ["en"], "steps": {}}
