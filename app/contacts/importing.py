"""Importing a file of contacts: all of it in one transaction, or nothing.

Locks are taken as in `store.consequences`, addresses before contacts, each in the order of their ids.
"""

from collections.abc import Sequence
from typing import Any, Final, TypedDict

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.contacts.checked import TEXTS, checked_fields
from app.contacts.import_plan import Plan, batches, compare_again, plan
from app.contacts.reading import Line, Read
from app.db import now_microseconds, sql
from app.errors import Conflict, Invalid
from app.store.rows import over
from flows.values import canonical_json

_CLASS: Final = 7305  # our class of advisory locks for imports; see store.webhooks for the others
_LOCK_ADDRESSES: Final = (
    "SELECT id FROM addresses WHERE contact_id IN (SELECT r.id FROM {rows}) ORDER BY id {for update}"
)
_LOCK_CONTACTS: Final = "SELECT id FROM contacts WHERE id IN (SELECT r.id FROM {rows}) ORDER BY id {for update}"
_CHANGE: Final = """
    UPDATE contacts SET name = coalesce(r.name, contacts.name), language = coalesce(r.language, contacts.language),
        zone = coalesce(r.zone, contacts.zone), attributes = coalesce(r.attributes, contacts.attributes),
        account_manager = coalesce(r.account_manager, contacts.account_manager),
        consent_at = CASE WHEN r.consent IS NULL THEN contacts.consent_at ELSE :now END,
        consent_source = CASE WHEN r.consent IS NULL THEN contacts.consent_source ELSE :source END,
        consent = coalesce(r.consent, contacts.consent)
    FROM {rows} WHERE contacts.id = r.id
"""
_CREATE: Final = """
    INSERT INTO contacts (id, name, language, zone, account_manager, attributes, consent, consent_at, consent_source,
                          first_seen_at, created_at)
    SELECT r.id, coalesce(r.name, ''), coalesce(r.language, ''), coalesce(r.zone, ''), coalesce(r.account_manager, ''),
           r.attributes, coalesce(r.consent, ''), CASE WHEN r.consent IS NULL THEN NULL ELSE :now END,
           CASE WHEN r.consent IS NULL THEN '' ELSE :source END, :now, :now FROM {rows} WHERE true
"""
_ADD_ADDRESSES: Final = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
    SELECT r.id, r.kind, r.value, :now, :now FROM {rows} WHERE true ORDER BY r.n ON CONFLICT (kind, value) DO NOTHING
"""
_JOIN: Final = """
    INSERT INTO segment_members (contact_id, segment_id, added_at)
    SELECT r.id, s.id, :now FROM {rows} JOIN segments s ON s.name = r.segment
    WHERE true ON CONFLICT (contact_id, segment_id) DO NOTHING
"""
_COLUMNS: Final[dict[str, Any]] = {"id": "bigint", **dict.fromkeys((*TEXTS, "consent", "attributes"), "text")}


class RefusedLineData(TypedDict):
    """A line of a file that cannot be taken, and why."""

    line: int
    sentence: str


def import_file(session: Session, read: Read, who: str) -> Plan:
    """What was done. Raises: Invalid when a line is refused (then nothing is done); Conflict while another import
    is under way, or when a contact came in meanwhile."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    free = session.execute(text("SELECT pg_try_advisory_xact_lock(:c, 0)"), {"c": _CLASS}).scalar() if postgresql else 1
    if not free:
        raise Conflict("Another import is under way: wait until it is done, and plan again.", "import_under_way")
    made = plan(session, read)
    _refuse(made)
    _lock(session, [one.contact_id for one in made.changed])
    compare_again(session, made)
    _refuse(made)
    now = now_microseconds(session)
    told = {"now": now, "source": f"import by {who}"}
    for batch in batches(made.changed):
        over(session, _CHANGE, _COLUMNS, [{"id": one.contact_id, **_row(one.changes)} for one in batch], **told)
    for one, id_ in zip(made.new, _new_ids(session, len(made.new), postgresql=postgresql), strict=True):
        one.contact_id, one.new_addresses, one.joins = id_, one.addresses, one.segments
    for batch in batches(made.new):
        over(session, _CREATE, _COLUMNS, [{"id": one.contact_id, **_row(_whole(one))} for one in batch], **told)
    _add(session, [*made.changed, *made.new], now)
    return made


def refused_data(made: Plan, most: int = 200) -> list[RefusedLineData]:
    """The first refused lines, as people are told them."""
    return [{"line": line, "sentence": sentence} for line, sentence in made.refused[:most]]


def _refuse(made: Plan) -> None:
    if made.refused:
        line, sentence = made.refused[0]
        more = f" {len(made.refused) - 1:,} more lines are refused." if len(made.refused) > 1 else ""
        whole = f"Nothing was imported. Line {line}: {sentence}{more}"
        raise Invalid(whole, "lines_refused", {"refused": refused_data(made)})


def _lock(session: Session, ids: Sequence[int]) -> None:
    rows = [{"id": one} for one in sorted(ids)]
    if rows:
        for statement in (_LOCK_ADDRESSES, _LOCK_CONTACTS):
            over(session, statement, {"id": "bigint"}, rows)


def _new_ids(session: Session, count: int, *, postgresql: bool) -> list[int]:
    """Ids that nobody else gets: of the sequence, or the next ones of a database that nobody else writes to now."""
    if postgresql:
        query = "SELECT nextval(pg_get_serial_sequence('contacts', 'id')) FROM generate_series(1, :count)"
        return list(session.execute(text(query), {"count": count}).scalars())
    last = session.execute(sql(session, "SELECT coalesce(max(id), 0) FROM contacts")).scalar_one()
    return list(range(last + 1, last + 1 + count))


def _row(values: dict[str, Any]) -> dict[str, Any]:
    return {column: values.get(column) for column in _COLUMNS if column != "id"}


def _whole(line: Line) -> dict[str, Any]:
    attributes = canonical_json(checked_fields({}, line.own))
    return {**line.texts, "consent": line.consent or None, "attributes": attributes}


def _add(session: Session, done: Sequence[Line], now: int) -> None:
    # In the order in which turns add them (store.contacts), or the two would wait for each other in a circle.
    new = sorted((kind, value, one.contact_id) for one in done for kind, value in one.new_addresses.items())
    addresses = [{"n": n, "id": id_, "kind": kind, "value": value} for n, (kind, value, id_) in enumerate(new)]
    added = 0
    for batch in batches(addresses):
        columns: dict[str, Any] = {"n": "bigint", "id": "bigint", "kind": "text", "value": "text"}
        added += over(session, _ADD_ADDRESSES, columns, batch, now=now).rowcount
    if added != len(addresses):
        sentence = "Somebody wrote or called at that very moment who is in the file: nothing was imported, plan again."
        raise Conflict(sentence, "contacts_changed")
    for batch in batches([{"id": one.contact_id, "segment": name} for one in done for name in one.joins]):
        over(session, _JOIN, {"id": "bigint", "segment": "text"}, batch, now=now)
