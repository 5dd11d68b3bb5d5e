"""The API's contacts: found, read, created, changed and merged."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypedDict

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.contacts import changing
from app.contacts.checked import CONSENTS, LONGEST
from app.contacts.merging import merge
from app.models import Address, Contact, Segment, SegmentMember
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.doors import COUNTRY, ROW_ID, SLUG, Asked, Noun, Schema, fields, line, one_of, text, whole
from app.web.api.lists import PAGE, page, wanted
from flows.values import decode, to_json

noun = Noun("contacts", Right.READ_CONTACTS, Right.EDIT_CONTACTS)


class ContactAddressData(TypedDict):
    """One way to reach a contact."""

    kind: Annotated[str, "Such as phone, email, or visitor for somebody in the chat."]
    value: str
    opted_out: bool


class ConsentData(TypedDict):
    """Whether a contact agreed to messages that nobody asked for, since when, and who or what told it."""

    state: Annotated[str, OneOf((*CONSENTS, "unknown"))]
    at: Instant | None
    source: str


class ContactData(TypedDict):
    """A contact; `segments` are their names."""

    id: int
    name: str
    language: str
    zone: Annotated[str, "A time zone such as Europe/Warsaw; empty for the installation's."]
    account_manager: str
    attributes: Annotated[dict[str, Any], "The contact's own fields by name, each any value."]
    consent: ConsentData
    addresses: list[ContactAddressData]
    segments: list[str]
    first_seen_at: Instant


_SEGMENTS: Schema = {"type": "array", "items": SLUG, "maxItems": 200, "uniqueItems": True}
_CHANGES: Final[Mapping[str, Schema]] = {
    "name": line(LONGEST),
    "language": text(40),
    "zone": text(80),
    "account_manager": line(LONGEST),
    "phone": text(80),
    "email": text(320),
    "country": COUNTRY,
    "consent": one_of(*CONSENTS),
    "attributes": {"type": "object", "maxProperties": 200},
    "segments": _SEGMENTS,
}
_FILTERS: Final[Mapping[str, Schema]] = {"search": text(200), "segment": SLUG, "consent": one_of(*CONSENTS)}


@noun.get("/contacts", {**PAGE, **_FILTERS})
def list_contacts(asked: Asked) -> PageData[ContactData]:
    """Contacts in the order in which they came; `search` finds parts of names and addresses."""
    with asked.house.database.reading() as session:
        query = _found(asked.query).where(Contact.id > asked.query.get("after", 0)).order_by(Contact.id)
        rows = session.scalars(query.limit(wanted(asked.query))).all()
        shown = {one["id"]: one for one in _shown(session, rows)}
    return page(rows, asked.query, lambda row: shown[row.id], lambda row: row.id)


@noun.post("/contacts", fields(_CHANGES), status=201)
def create_contact(asked: Asked) -> ContactData:
    """A new contact, with at least a name, a telephone number or an e-mail address."""
    with asked.house.database.transaction() as session:
        return _one(session, changing.create(session, asked.body, asked.who))


@noun.get(f"/contacts/{ROW_ID}")
def read_contact(asked: Asked, number: int) -> ContactData:
    """One contact."""
    with asked.house.database.reading() as session:
        return _one(session, changing.find(session, number))


@noun.patch(f"/contacts/{ROW_ID}", fields(_CHANGES))
def change_contact(asked: Asked, number: int) -> ContactData:
    """Changes what is named; an address is added.

    Own fields are put among the others (null removes one); the segments are those named and no others.
    """
    with asked.house.database.transaction() as session:
        row = changing.find(session, number, locked=True)
        changing.change(session, row, asked.body, asked.who)
        return _one(session, row)


@noun.post(f"/contacts/{ROW_ID}/merge", fields({"contact": whole(1)}, "contact"))
def merge_contacts(asked: Asked, number: int) -> ContactData:
    """Makes two contacts one: addresses, conversations, segments and fields of the named one become this one's."""
    other = asked.body["contact"]
    with asked.house.database.transaction() as session:
        kept = merge(session, number, other)
        note_act(session, asked.who, "merge_contacts", f"{other} into {number}")
        return _one(session, kept)


def _found(query: Mapping[str, Any]) -> Select[Contact]:
    found = select(Contact)
    if search := query.get("search", "").strip():
        has_address = select(Address.contact_id).where(Address.value.icontains(search, autoescape=True))
        found = found.where(or_(Contact.name.icontains(search, autoescape=True), Contact.id.in_(has_address)))
    if "consent" in query:
        found = found.where(Contact.consent == query["consent"])
    if "segment" in query:
        inside = select(SegmentMember.contact_id).join(Segment).where(Segment.name == query["segment"])
        found = found.where(Contact.id.in_(inside))
    return found


def _one(session: Session, row: Contact) -> ContactData:
    return _shown(session, [row])[0]


def _shown(session: Session, rows: Sequence[Contact]) -> list[ContactData]:
    ids = [row.id for row in rows]
    addresses: dict[int, list[ContactAddressData]] = {}
    for one in session.scalars(select(Address).where(Address.contact_id.in_(ids)).order_by(Address.id)):
        addresses.setdefault(one.contact_id, []).append(
            {"kind": one.kind, "value": one.value, "opted_out": one.opted_out_at is not None}
        )
    segments: dict[int, list[str]] = {}
    query = select(SegmentMember.contact_id, Segment.name).join(Segment).where(SegmentMember.contact_id.in_(ids))
    for contact_id, name in session.execute(query.order_by(Segment.name)):
        segments.setdefault(contact_id, []).append(name)
    return [
        {
            "id": row.id,
            "name": row.name,
            "language": row.language,
            "zone": row.zone,
            "account_manager": row.account_manager,
            "attributes": {name: _plain(value) for name, value in json.loads(row.attributes).items()},
            "consent": {
                "state": row.consent or "unknown",
                "at": row.consent_at.isoformat() if row.consent_at else None,
                "source": row.consent_source,
            },
            "addresses": addresses.get(row.id, []),
            "segments": segments.get(row.id, []),
            "first_seen_at": row.first_seen_at.isoformat(),
        }
        for row in rows
    ]


def _plain(stored: Any) -> Any:
    return json.loads(to_json(decode(stored)))
