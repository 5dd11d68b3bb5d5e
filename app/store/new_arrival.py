"""An arrival as its rows want it, and the rows that are written alike on both databases."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

REOPENS_WITHIN: Final = timedelta(days=30) // timedelta(microseconds=1)
"""A message reopens a conversation that was closed no longer ago than that, under the same reference."""


class UnknownNumber(Exception):
    """The arrival is for a number this connection does not have."""

    def __init__(self, value: str) -> None:
        super().__init__(f"This connection has no number {value!r}: add it under numbers, or correct the provider.")


@dataclass(frozen=True)
class NewArrival:
    """Something a contact did. No text holds what databases refuse; `happened` and such are canonical JSON."""

    connection_id: int
    provider_id: str
    number: str
    call_id: str  # empty for a message
    kind: str
    happened: str
    text: str
    media: str
    client_key: str
    address_kind: str
    address: str
    contact_name: str
    contact_language: str
    contact_attributes: str  # of a new contact
    contact_id: int  # 0: the contact of the address, else of the telephone number, else a new one
    phone: str  # a second address to note on the contact, or empty


# {address}, {event}: where the row comes from, a common table expression or a row of values.
INSERT_CONVERSATION: Final = """
    INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, call_id, state, owner, next_seq,
                               last_at, fence, call_turn, pending_verbs, opened_at, last_message_at, created_at)
    SELECT address.contact_id, address.id, :connection_id, address.number_id,
           CASE WHEN :call_id = '' THEN 'messages' ELSE 'call' END, nullif(:call_id, ''), 'open', 'none', 2,
           present.now, 0, 0, '[]', present.now, present.now, present.now
    FROM {address} AS address, (SELECT {now} AS now) AS present"""
RETURNING_FIRST_PLACE: Final = " RETURNING id, connection_id, 1 AS seq, last_at"
INSERT_MESSAGE: Final = """
    INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                          client_key, event_id, created_at, changed_at)
    SELECT event.conversation_id, 'in', 'contact', :text, :media, '[]', 0, '', :provider_id,
           :client_key, event.id, event.created_at, event.created_at
    FROM {event} AS event WHERE :kind = 'message_received'"""
UNLEARNT: Final = """
    ((contacts.name = '' AND :contact_name <> '') OR (contacts.language = '' AND :contact_language <> ''))"""
LEARN: Final = """
    UPDATE contacts SET name = CASE WHEN contacts.name = '' THEN :contact_name ELSE contacts.name END,
        language = CASE WHEN contacts.language = '' THEN :contact_language ELSE contacts.language END"""
"""Fills in a name or a language that we did not have; what is known stays."""
