"""The telephone numbers of contacts that a flow names by an address of theirs."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

# E-mail addresses are stored in small letters; ids signed by a host page as they came.
_PHONE = text(
    "SELECT p.value FROM addresses a JOIN addresses p ON p.contact_id = a.contact_id AND p.kind = 'phone'"
    " WHERE a.value IN (:given, :small) ORDER BY p.last_seen_at DESC, p.id LIMIT 1"
)


def phones_of_contacts(session: Session, addresses: Sequence[str]) -> tuple[str, ...]:
    """For each address the number that its contact used last; empty when there is no such contact, or none with one."""
    given = [{"given": address, "small": address.lower()} for address in addresses]
    return tuple(str(session.execute(_PHONE, one).scalar() or "") for one in given)
