"""The API's versions: a draft is published, an old version is published again."""

from typing import TypedDict

from sqlalchemy import select

from app import publishing
from app.accounts.roles import Right
from app.models import FlowRow, LiveNumber, Number, Version
from app.publishing import Order, Published
from app.web.api.answers import FlowDocument, Instant, PageData
from app.web.api.doors import ROW_ID, YES_NO, Asked, Noun, fields, text, whole
from app.web.api.flow_views import Author, FindingData, NumberNames, finding_data
from app.web.api.lists import PAGE, page, wanted
from flows import document

noun = Noun("versions", Right.READ_FLOWS, Right.PUBLISH_FLOWS)

_NOTE = text(1_000)


class VersionData(TypedDict):
    """A published version, and the numbers that it answers now."""

    version: int
    revision: int
    author: Author
    note: str
    published_at: Instant
    answers: NumberNames


class PublicationData(VersionData):
    """A version that was just made: numbers freed by it, and those that stayed with an older version."""

    flow: str
    freed: NumberNames
    stayed: NumberNames
    findings: list[FindingData]


class VersionDocumentData(VersionData):
    """A version with its document, which never changes."""

    document: FlowDocument


@noun.post("/flows/<flow>/publish", fields({"revision": whole(1), "note": _NOTE}), status=201)
def publish(asked: Asked, flow: str) -> PublicationData:
    """Freezes the draft, or a revision of it; from then on it answers its numbers."""
    with asked.house.database.reading() as session:
        draft = publishing.read(session, publishing.find_flow(session, flow), asked.body.get("revision", 0))
    publishing.ask_ahead(asked.house.steps, draft.flow)
    with asked.house.database.transaction() as session:
        row = publishing.find_flow(session, flow, locked=True)
        order = Order(asked.who, asked.body.get("note", ""))
        published = publishing.publish(session, asked.house, row, asked.body.get("revision", 0), order)
    asked.house.lanes.wake("turns")
    return _published_data(row, published)


@noun.post(f"/flows/<flow>/versions/{ROW_ID}/roll-back", fields({"note": _NOTE, "move_numbers": YES_NO}), status=201)
def roll_back(asked: Asked, flow: str, number: int) -> PublicationData:
    """Publishes an old version again; numbers stay where they are, unless `move_numbers`."""
    with asked.house.database.reading() as session:
        old = publishing.read_version(session, publishing.find_flow(session, flow), number)
    publishing.ask_ahead(asked.house.steps, document.read(old.document))
    with asked.house.database.transaction() as session:
        row = publishing.find_flow(session, flow, locked=True)
        order = Order(asked.who, asked.body.get("note", ""), asked.body.get("move_numbers", False))
        published = publishing.roll_back(session, asked.house, row, number, order)
    asked.house.lanes.wake("turns")
    return _published_data(row, published)


@noun.get("/flows/<flow>/versions", PAGE)
def list_versions(asked: Asked, flow: str) -> PageData[VersionData]:
    """All versions of a flow, the newest first, with the numbers each answers now."""
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        newest_first = select(Version).where(Version.flow_id == row.id).order_by(Version.number.desc())
        if asked.query.get("after"):
            newest_first = newest_first.where(Version.number < asked.query["after"])
        rows = session.scalars(newest_first.limit(wanted(asked.query))).all()
        answers: dict[int, list[str]] = {}
        for version_id, name in session.execute(
            select(LiveNumber.version_id, Number.name)
            .join(Number, Number.id == LiveNumber.number_id)
            .where(LiveNumber.flow_id == row.id)
            .order_by(Number.name)
        ):
            answers.setdefault(version_id, []).append(name)
    return page(rows, asked.query, lambda one: _version_data(one, answers.get(one.id, [])), lambda one: one.number)


@noun.get(f"/flows/<flow>/versions/{ROW_ID}")
def read_version(asked: Asked, flow: str, number: int) -> VersionDocumentData:
    """One version with its document, which never changes."""
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        version = publishing.read_version(session, row, number)
        names = session.scalars(
            select(Number.name)
            .join(LiveNumber, LiveNumber.number_id == Number.id)
            .where(LiveNumber.version_id == version.id)
        ).all()
    return {**_version_data(version, sorted(set(names))), "document": document.to_data(document.read(version.document))}


def _published_data(row: FlowRow, published: Published) -> PublicationData:
    return {
        **_version_data(published.version, list(published.numbers.answered)),
        "flow": row.name,
        "freed": list(published.numbers.freed),
        "stayed": list(published.numbers.stayed),
        "findings": [finding_data(finding) for finding in published.findings],
    }


def _version_data(version: Version, answers: list[str]) -> VersionData:
    return {
        "version": version.number,
        "revision": version.revision_number,
        "author": version.author,
        "note": version.note,
        "published_at": version.created_at.isoformat(),
        "answers": list(dict.fromkeys(answers)),
    }
