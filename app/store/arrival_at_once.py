"""Stores an arrival on PostgreSQL in one statement, so that nothing is locked while Python runs (RELIABILITY §2).

A statement sees what was committed when it began, although it waits for locks in its middle. So it takes the address
first, and only if nobody else put something in for this address meanwhile: `last_seen_at` rises with every arrival, and
is compared again after a wait. Else it has been overtaken, perhaps by this very webhook. Then it does nothing, and is
done again under the address's lock, where it sees all that was put in before. Locks are taken in the order of
`store.consequences`: address, contact, conversation; each common table expression reads the one before it.
"""

from functools import lru_cache

from sqlalchemy.orm import Session

from app.db import DatabaseUnavailable, Executor, sql
from app.store.events import INSERT_EVENT, RETURNING_PLACE, TAKE_SEQ_AND_REOPEN, Put, execute_at_once, outcome
from app.store.new_arrival import (
    INSERT_CONVERSATION,
    INSERT_MESSAGE,
    LEARN,
    REOPENS_WITHIN,
    RETURNING_FIRST_PLACE,
    UNLEARNT,
    NewArrival,
    UnknownNumber,
)


def store(session: Session, new: NewArrival) -> Put:
    """The arrival's row, or the one with its provider id that is there already.

    Raises: UnknownNumber, DatabaseUnavailable when all must be rolled back and may then be tried again.
    """
    put = attempt(session, new)
    if put is None:
        session.execute(sql(session, _LOCK), vars(new))
        put = attempt(session, new, alone=True)
    if put is None:
        raise DatabaseUnavailable("The contact's address changed while it was locked: try again.")
    return put


def attempt(session: Executor, new: NewArrival, *, alone: bool = False) -> Put | None:
    """The same by the one statement only; None when it did nothing. `alone`: under the address's lock.

    Raises: as `store`.
    """
    statement = _statement(calls=bool(new.call_id), notes_phone=bool(new.phone))
    row = execute_at_once(session, statement, {**vars(new), "alone": alone}).one()
    if row.number_id is None:
        raise UnknownNumber(new.number)
    return outcome(row)


# Two people's addresses are two locks, but one contact may have both: whoever opens a conversation for a contact who
# was there before does it in the second attempt, under the contact's lock too.
_LOCK = """
    SELECT k.id FROM (SELECT contact_id FROM addresses WHERE kind = :address_kind AND value = :address
                      FOR NO KEY UPDATE) AS a
    JOIN contacts k ON k.id = a.contact_id FOR NO KEY UPDATE OF k
"""

_STATEMENT = """
    WITH number AS (SELECT id FROM numbers WHERE connection_id = :connection_id AND value = :number),
    before AS (
        SELECT id, conversation_id FROM inbound_events
        WHERE connection_id = :connection_id AND provider_id = :provider_id),
    wanted AS (SELECT id FROM number WHERE NOT EXISTS (SELECT 1 FROM before)),
    seen AS (SELECT id, last_seen_at FROM addresses WHERE kind = :address_kind AND value = :address),
    known AS (
        UPDATE addresses SET last_seen_at = greatest({now}, addresses.last_seen_at + 1) FROM seen, wanted
        WHERE addresses.id = seen.id AND addresses.last_seen_at = seen.last_seen_at
        RETURNING addresses.id, addresses.contact_id, wanted.id AS number_id),
    learned AS ({learn} FROM known WHERE contacts.id = known.contact_id AND {unlearnt} RETURNING contacts.id),
    person AS (
        SELECT coalesce(nullif(CAST(:contact_id AS bigint), 0), (
            SELECT contact_id FROM addresses WHERE kind = 'phone' AND value = :phone AND :phone <> '')) AS id),
    made AS (
        INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
        SELECT coalesce(person.id, nextval(pg_get_serial_sequence('contacts', 'id'))), :address_kind, :address, {now},
               {now} FROM wanted, person WHERE NOT EXISTS (SELECT 1 FROM seen)
        ON CONFLICT (kind, value) DO NOTHING RETURNING id, contact_id, created_at),
    newcomer AS (
        INSERT INTO contacts (id, name, language, attributes, account_manager, first_seen_at, created_at)
        SELECT made.contact_id, :contact_name, :contact_language, :contact_attributes, '', made.created_at,
               made.created_at FROM made, person WHERE person.id IS NULL
        RETURNING id),
    address AS (
        SELECT known.id, coalesce(learned.id, known.contact_id) AS contact_id, known.number_id, :alone AS may_open
        FROM known LEFT JOIN learned ON true
        UNION ALL
        SELECT made.id, made.contact_id, number.id, :alone OR newcomer.id IS NOT NULL
        FROM number, made LEFT JOIN newcomer ON true),
    {noted}
    latest AS ({latest}),
    taken AS ({take} WHERE conversations.id = (SELECT id FROM latest) {returning}),
    opened AS ({open} WHERE NOT EXISTS (SELECT 1 FROM latest) AND {may_open}
               ON CONFLICT (connection_id, call_id) DO NOTHING {returning_first}),
    place AS (SELECT * FROM taken UNION ALL SELECT * FROM opened),
    event AS ({insert_event} RETURNING id, conversation_id, created_at)
    {message}
    SELECT number.id AS number_id, before.id AS before_id, before.conversation_id AS before_conversation_id,
           event.id AS event_id, event.conversation_id
    FROM (SELECT 1) AS always LEFT JOIN number ON true LEFT JOIN before ON true LEFT JOIN event ON true
"""
_NOTED = """noted AS (
        INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
        SELECT contact_id, 'phone', :phone, {now}, {now} FROM address
        WHERE NOT EXISTS (SELECT 1 FROM addresses WHERE kind = 'phone' AND value = :phone)
        ON CONFLICT (kind, value) DO NOTHING),"""
_LATEST_OF_CONTACT = """
        SELECT c.id FROM address, LATERAL (
            SELECT id, closed_at FROM conversations
            WHERE contact_id = address.contact_id AND number_id = address.number_id AND kind = 'messages'
            ORDER BY id DESC LIMIT 1) AS c
        WHERE c.closed_at IS NULL OR {now} - c.closed_at <= {reopens_within}"""
_OF_CALL = """
        SELECT c.id FROM address, conversations c WHERE c.connection_id = :connection_id AND c.call_id = :call_id"""


@lru_cache
def _statement(*, calls: bool, notes_phone: bool) -> str:
    """The whole statement, without the parts that this kind of arrival has no use for."""
    parts = {
        "learn": LEARN,
        "unlearnt": UNLEARNT,
        "noted": _NOTED if notes_phone else "",
        "latest": _OF_CALL if calls else _LATEST_OF_CONTACT,
        "reopens_within": str(REOPENS_WITHIN),
        "take": TAKE_SEQ_AND_REOPEN,
        "returning": RETURNING_PLACE,
        "open": INSERT_CONVERSATION.replace("{address}", "address"),
        "may_open": "true" if calls else "address.may_open",
        "returning_first": RETURNING_FIRST_PLACE,
        "insert_event": INSERT_EVENT.replace("{place}", "place"),
        "message": "" if calls else f", message AS ({INSERT_MESSAGE.replace('{event}', 'event')})",
    }
    whole = _STATEMENT
    for name, part in parts.items():
        whole = whole.replace(f"{{{name}}}", part)
    return whole
