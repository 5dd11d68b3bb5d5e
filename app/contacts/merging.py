"""Merging two contacts who are one person: everything of the one becomes the other's, in one transaction.

Locks are taken as in `store.consequences`: addresses, contacts, conversations. The addresses' `last_seen_at` rises, by
which a webhook of that very moment notices that its contact has changed (`arrival_at_once`).
"""

from typing import Final

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from app.contacts.changing import find
from app.contacts.checked import TEXTS, stored_fields
from app.db import sql
from app.errors import Invalid
from app.models import Contact
from flows.values import canonical_json

_LOCK: Final = (
    "SELECT id FROM addresses WHERE contact_id IN (:keeps, :goes) ORDER BY id {for update}",
    "SELECT id FROM contacts WHERE id IN (:keeps, :goes) ORDER BY id {for update}",
    "SELECT id FROM conversations WHERE contact_id IN (:keeps, :goes) ORDER BY id {for update}",
)
_MOVE: Final = (
    "UPDATE addresses SET contact_id = :keeps, last_seen_at = last_seen_at + 1 WHERE contact_id = :goes",
    "UPDATE addresses SET last_seen_at = last_seen_at + 1 WHERE contact_id = :keeps",
    "UPDATE conversations SET contact_id = :keeps WHERE contact_id = :goes",
    """UPDATE segment_members SET contact_id = :keeps WHERE contact_id = :goes AND segment_id NOT IN (
           SELECT m.segment_id FROM segment_members m WHERE m.contact_id = :keeps)""",
    "DELETE FROM segment_members WHERE contact_id = :goes",
    # Who was started as one of them, and waits as the other, has been started.
    """UPDATE occurrence_contacts SET state = 'passed_over', reason = 'started as another contact'
       WHERE contact_id = :keeps AND state = 'waiting' AND occurrence_id IN (
           SELECT o.occurrence_id FROM occurrence_contacts o WHERE o.contact_id = :goes AND o.state = 'started')""",
    """UPDATE occurrence_contacts SET contact_id = :keeps WHERE contact_id = :goes AND occurrence_id NOT IN (
           SELECT o.occurrence_id FROM occurrence_contacts o WHERE o.contact_id = :keeps)""",
    "DELETE FROM occurrence_contacts WHERE contact_id = :goes",
)


def merge(session: Session, keeps: int, goes: int) -> Contact:
    """The contact that stays, with addresses, conversations, segments and fields of the other, who is gone.

    What the one that stays says itself stays; a consent that either has withdrawn is withdrawn.
    Raises: NotFound; Invalid for a contact and itself.
    """
    if keeps == goes:
        raise Invalid("A contact cannot be merged into itself: name another one.", "same_contact", field="contact")
    both = {"keeps": keeps, "goes": goes}
    for statement in _LOCK:
        session.execute(sql(session, statement), both)
    kept, gone = find(session, keeps), find(session, goes)
    _take_over(kept, gone)
    session.flush()
    for statement in _MOVE:
        session.execute(text(statement), both)
    session.execute(delete(Contact).where(Contact.id == goes))
    session.expire_all()
    return session.scalars(select(Contact).where(Contact.id == keeps)).one()


def _take_over(kept: Contact, gone: Contact) -> None:
    for field in TEXTS:
        setattr(kept, field, getattr(kept, field) or getattr(gone, field))
    kept.attributes = canonical_json({**stored_fields(gone.attributes), **stored_fields(kept.attributes)})
    kept.first_seen_at = min(kept.first_seen_at, gone.first_seen_at)
    if not kept.consent or (gone.consent == "withdrawn" and kept.consent != "withdrawn"):
        kept.consent, kept.consent_at, kept.consent_source = gone.consent, gone.consent_at, gone.consent_source
