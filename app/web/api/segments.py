"""The API's segments: named groups of contacts, made by hand here, by files and by flows."""

from typing import TypedDict

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.contacts.changing import find, segment_named
from app.db import now
from app.errors import Conflict
from app.models import Contact, Segment, SegmentMember
from app.publishing.uses import flows_that_name
from app.web.api.answers import Instant, PageData
from app.web.api.doors import ROW_ID, SLUG, Asked, Noun, fields, line, whole
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import refuse_taken

noun = Noun("segments", Right.READ_CONTACTS, Right.EDIT_CONTACTS)


class SegmentData(TypedDict):
    """A segment; `members` is how many contacts are in it."""

    name: str
    title: str
    members: int
    created_at: Instant


class MemberData(TypedDict):
    """A contact in a segment."""

    id: int
    name: str
    added_at: Instant


@noun.get("/segments", {**PAGE, **SEARCH})
def list_segments(asked: Asked) -> PageData[SegmentData]:
    """All segments with the number of their members."""
    with asked.house.database.reading() as session:
        query = select(Segment).where(Segment.id > asked.query.get("after", 0)).order_by(Segment.id)
        query = query.where(searched(asked.query, Segment.name, Segment.title))
        rows = session.scalars(query.limit(wanted(asked.query))).all()
        counts = _counts(session, [row.id for row in rows])
    return page(rows, asked.query, lambda row: _shown(row, counts.get(row.id, 0)), lambda row: row.id)


@noun.post("/segments", fields({"name": SLUG, "title": line(200)}, "name"), status=201)
def create_segment(asked: Asked) -> SegmentData:
    """A new segment without members."""
    with asked.house.database.transaction() as session:
        refuse_taken(session, Segment, asked.body["name"])
        row = Segment(name=asked.body["name"], title=asked.body.get("title", ""), created_at=now(session))
        session.add(row)
        session.flush()
        return _shown(row, 0)


@noun.delete("/segments/<segment>")
def delete_segment(asked: Asked, segment: str) -> SegmentData:
    """Takes a segment away, and nobody of its members; not while a flow names it."""
    with asked.house.database.transaction() as session:
        row = segment_named(session, segment)
        if users := flows_that_name(session, asked.house.steps, "segment", row.name):
            flows = ", ".join(f"“{name}”" for name in users[:5])
            raise Conflict(f"The segment “{row.name}” is used by {flows}: change that first.", "in_use")
        members = _counts(session, [row.id]).get(row.id, 0)
        session.execute(delete(SegmentMember).where(SegmentMember.segment_id == row.id))
        session.delete(row)
        return _shown(row, members)


@noun.get("/segments/<segment>/members", PAGE)
def list_members(asked: Asked, segment: str) -> PageData[MemberData]:
    """The members of a segment, in the order in which the contacts came."""
    with asked.house.database.reading() as session:
        inside = segment_named(session, segment).id
        rows = session.execute(
            select(Contact.id, Contact.name, SegmentMember.added_at)
            .join(SegmentMember, SegmentMember.contact_id == Contact.id)
            .where(SegmentMember.segment_id == inside, Contact.id > asked.query.get("after", 0))
            .order_by(Contact.id)
            .limit(wanted(asked.query))
        ).all()
    return page(
        rows,
        asked.query,
        lambda row: {"id": row.id, "name": row.name, "added_at": row.added_at.isoformat()},
        lambda row: row.id,
    )


@noun.post("/segments/<segment>/members", fields({"contact": whole(1)}, "contact"))
def add_member(asked: Asked, segment: str) -> SegmentData:
    """Puts a contact into a segment; who is in it already stays."""
    with asked.house.database.transaction() as session:
        row = segment_named(session, segment)
        contact = find(session, asked.body["contact"], locked=True)
        if session.get(SegmentMember, (contact.id, row.id)) is None:
            session.add(SegmentMember(contact_id=contact.id, segment_id=row.id, added_at=now(session)))
            session.flush()
        return _shown(row, _counts(session, [row.id])[row.id])


@noun.delete(f"/segments/<segment>/members/{ROW_ID}")
def remove_member(asked: Asked, segment: str, number: int) -> SegmentData:
    """Takes a contact out of a segment."""
    with asked.house.database.transaction() as session:
        row = segment_named(session, segment)
        find(session, number, locked=True)
        session.execute(
            delete(SegmentMember).where(SegmentMember.segment_id == row.id, SegmentMember.contact_id == number)
        )
        return _shown(row, _counts(session, [row.id]).get(row.id, 0))


def _counts(session: Session, ids: list[int]) -> dict[int, int]:
    query = select(SegmentMember.segment_id, func.count()).where(SegmentMember.segment_id.in_(ids))
    return {row[0]: row[1] for row in session.execute(query.group_by(SegmentMember.segment_id))}


def _shown(row: Segment, members: int) -> SegmentData:
    return {"name": row.name, "title": row.title, "members": members, "created_at": row.created_at.isoformat()}
