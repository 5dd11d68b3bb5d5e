"""The rarer halves of a commit: cancelled messages, contacts, problems, documents, follow-ups."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.handled import Handled
from app.store import contacts, labels
from app.store.events import NewEvent, append
from app.store.rows import ids, over

_CANCEL = "UPDATE effects SET state = 'cancelled', settled_at = :now WHERE state = 'queued' AND {which}"
_SHOW_CANCELLED = (
    "UPDATE messages SET rank = 5, error = 'cancelled', changed_at = :now WHERE rank < 3 AND effect_key IN"
    " (SELECT key FROM effects WHERE state = 'cancelled' AND {which})"
)
# What tells the team of something stays true however the run ends.
_OF_RUNS = """run_id IN ({ids}) AND kind <> 'post_to_team' AND NOT (kind = 'send_email'
    AND payload LIKE '%"to_team"_true%')"""
# Not `now`: a message with a later instant than its creation's passes for one that has a place in the number's pace.
_HURRY = """
    UPDATE effects SET next_attempt_at = created_at WHERE conversation_id IN ({ids}) AND kind = 'send_message'
    AND state = 'queued' AND failures = 0 AND next_attempt_at > :now
"""
_OF_FLOWS = """
    SELECT key FROM effects WHERE conversation_id IN ({ids}) AND state IN ('queued', 'sending') AND run_id IS NOT NULL
"""

# An arrival locks its address, then its contact, then its conversation; a commit that writes contacts takes them in the
# same order, before the conversations, or the two would wait for each other.
_LOCK_ADDRESSES = """
    SELECT id FROM addresses WHERE contact_id IN (SELECT contact_id FROM conversations WHERE id IN ({ids}))
    ORDER BY id {for update}
"""
_LOCK_CONTACTS = """
    SELECT id FROM contacts WHERE id IN (SELECT contact_id FROM conversations WHERE id IN ({ids}))
    ORDER BY id {for update}
"""


def lock_contacts(session: Session, group: Sequence[Handled]) -> None:
    """Locks the addresses and contacts that this group writes, and the addresses that it writes to by other numbers:
    nobody opts out, and nobody opens that conversation, before it is stored."""
    addressed = [one.conversation_id for one in group if one.opted_out is not None or _writes_addresses(one)]
    if addressed:
        ids(session, _LOCK_ADDRESSES, addressed)
    written = [one.conversation_id for one in group if one.updates]
    if written:
        ids(session, _LOCK_CONTACTS, written)


def _writes_addresses(one: Handled) -> bool:
    return any(message.number for message in one.messages) or any(change.addresses for change in one.updates)


def cancel(session: Session, group: Sequence[Handled], now: int) -> None:
    """Messages that must not leave any more, or sooner; one that is on its way already cannot be called back."""
    if hurried := [one.conversation_id for one in group if one.hurries]:
        ids(session, _HURRY, hurried, now=now)
    keys = [{"key": key} for one in group for key in one.cancelled]
    if silenced := [one.conversation_id for one in group if one.cancels_flows]:
        keys += [{"key": row.key} for row in ids(session, _OF_FLOWS, silenced)]
    if keys:
        for statement in (_CANCEL, _SHOW_CANCELLED):
            chosen = statement.replace("{which}", "key IN (SELECT r.key FROM {rows})")
            over(session, chosen, {"key": "text"}, keys, now=now)
    runs = [run_id for one in group for run_id in one.cancels_runs]
    conversations = [one.conversation_id for one in group if one.cancels_all]
    # An opt-out is honoured by every send: also by what other conversations have queued for the address.
    same_address = (
        "key IN (SELECT m.effect_key FROM messages m JOIN conversations o ON o.id = m.conversation_id"
        " JOIN conversations c ON c.address_id = o.address_id WHERE m.rank < 3 AND c.id IN ({ids}))"
    )
    for wanted, which in ((runs, _OF_RUNS), (conversations, same_address)):
        if wanted:
            ids(session, _CANCEL.replace("{which}", which), wanted, now=now)
            ids(session, _SHOW_CANCELLED.replace("{which}", which), wanted, now=now)


def write(session: Session, group: Sequence[Handled], now: int) -> None:
    """Everything that few turns have."""
    contacts.add_addresses(session, group, now)
    for one in group:
        if one.updates:
            contacts.update(session, one, now)
        if one.opted_out is not None:
            _opt(session, one, now)
    labels.write(session, group)
    _follow_ups(session, group)
    _problems(session, group, now)
    _documents(session, group, now)


def _opt(session: Session, one: Handled, now: int) -> None:
    session.execute(
        text(
            "UPDATE addresses SET opted_out_at = :at"
            " WHERE id = (SELECT address_id FROM conversations WHERE id = :conversation)"
        ),
        {"at": now if one.opted_out else None, "conversation": one.conversation_id},
    )


def _follow_ups(session: Session, group: Sequence[Handled]) -> None:
    for one in group:
        for further in one.follow_ups:
            conversation_id = further.conversation_id or one.conversation_id
            append(session, NewEvent(conversation_id, further.provider_id, further.kind, further.happened))


def _problems(session: Session, group: Sequence[Handled], now: int) -> None:
    rows = [
        {"conversation_id": one.conversation_id, "run_id": one.run_id or (one.runs[-1].id if one.runs else None),
         "version_id": it.version_id, "step": it.step, "kind": it.kind, "message": it.message}
        for one in group
        for it in one.problems
    ]  # fmt: skip
    if rows:
        over(
            session,
            "INSERT INTO problems (conversation_id, run_id, version_id, step, kind, message, created_at)"
            " SELECT r.conversation_id, r.run_id,"
            " coalesce(r.version_id, (SELECT u.version_id FROM runs u WHERE u.id = r.run_id)),"
            " r.step, r.kind, r.message, :now FROM {rows}",
            {
                "conversation_id": "bigint",
                "run_id": "bigint",
                "version_id": "bigint",
                "step": "text",
                "kind": "text",
                "message": "text",
            },
            rows,
            now=now,
        )


def _documents(session: Session, group: Sequence[Handled], now: int) -> None:
    rows = [
        {"connection_id": one.connection_id, "provider_id": one.document[0], "conversation_id": one.conversation_id,
         "document": one.document[1], "media_type": one.document[2]}
        for one in group
        if one.document
    ]  # fmt: skip
    if rows:
        over(
            session,
            "INSERT INTO call_documents (connection_id, provider_id, conversation_id, document, media_type, created_at)"
            " SELECT r.connection_id, r.provider_id, r.conversation_id, r.document, r.media_type, :now FROM {rows}"
            " WHERE true ON CONFLICT (connection_id, provider_id) DO NOTHING",
            {
                "connection_id": "bigint",
                "provider_id": "text",
                "conversation_id": "bigint",
                "document": "text",
                "media_type": "text",
            },
            rows,
            now=now,
        )
