"""Keeps what a worker has fetched: mails become messages of their conversations, returned mails settle ours.

Keeps the promise that no mail is lost or comes twice: it is in the inbox, committed, before the provider is told that
we have it; and its provider id is unique, so what was fetched before a crash is known again.
"""

from dataclasses import replace
from typing import Final

from sqlalchemy.orm import Session

from app import inbox
from app.channels.arrival import ArrivedFile, Fetched
from app.channels.contract import Channel
from app.db import sql
from app.files import LARGEST_FILE_BYTES, media_type_of, plain_name, store_file
from app.store import threads
from app.store.events import NewEvent, Put, append
from app.store.threads import Place
from flows import wire
from flows.event import Attachment, MessageFailed, MessageReceived
from flows.limits import Limits
from flows.values import canonical_json, clean_text

_KNOWN: Final = "SELECT conversation_id FROM mails WHERE connection_id = :connection AND provider_id = :provider"
_NOTE: Final = """
    INSERT INTO mails (connection_id, provider_id, conversation_id, message_id, answers, subject, created_at)
    VALUES (:connection, :provider, :conversation, :message_id, :answers, :subject, {now})
"""
_REOPEN: Final = """
    UPDATE conversations SET state = 'open', closed_at = NULL, last_message_at = {now},
        opened_at = CASE WHEN state = 'closed' THEN {now} ELSE opened_at END WHERE id = :id
"""
_SHOW: Final = """
    INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                          client_key, event_id, created_at, changed_at)
    VALUES (:conversation, 'in', 'contact', :text, :media, '[]', 0, '', :provider, '', :event, {now}, {now})
"""
# It was committed by nobody yet, so no worker has seen it wait.
_DONE: Final = "UPDATE inbound_events SET state = 'done', handled_at = {now} WHERE id = :event"
_CLOSE: Final = """
    UPDATE conversations SET state = 'closed', closed_at = {now}
    WHERE id = :id AND owner = 'none' AND run_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM inbound_events e WHERE e.conversation_id = :id AND e.state IN ('waiting', 'kept'))
"""
_EFFECT: Final = """
    SELECT f.id, f.key, f.kind, coalesce(f.conversation_id, r.conversation_id) AS conversation_id
    FROM effects f LEFT JOIN runs r ON r.id = f.run_id WHERE f.id = :id
"""
_BURY: Final = """
    UPDATE effects SET state = 'dead', error = :why, settled_at = {now}
    WHERE id = :id AND state IN ('sending', 'sent', 'unknown') RETURNING id
"""
# What people open with a program of their own; it is only ever given as a download.
_DOCUMENTS: Final = (
    *(".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ods", ".csv", ".ppt", ".pptx", ".odp", ".eml", ".ics"),
    *(".zip", ".xml", ".json", ".txt", ".log", ".vcf"),
)
_LONGEST_WORDS: Final = 1_000


def keep(session: Session, connection_id: int, channel: Channel, fetched: Fetched, limits: Limits) -> Put | None:
    """Stores a fetched message, once; None when it only told of one of ours. Raises: as app.inbox.put."""
    provider_id = clean_text(fetched.arrival.provider_id)
    known = session.execute(sql(session, _KNOWN), {"connection": connection_id, "provider": provider_id}).scalar()
    if known is not None:
        return Put(0, known, duplicate=True)
    if fetched.returned_effect and _return(session, fetched):
        return None
    happened = fetched.arrival.happened
    words = happened if isinstance(happened, MessageReceived) else MessageReceived("")
    media = tuple(_stored(session, channel, one) for one in fetched.files)
    message = replace(words, media=(*words.media, *media))
    place = threads.conversation_of_mail(session, connection_id, fetched)
    put = (
        inbox.put(session, connection_id, replace(fetched.arrival, happened=message), limits)
        if place is None
        else _put_into(session, place, fetched, message, limits)
    )
    if put.duplicate:
        return put
    _note(session, connection_id, provider_id, put, fetched)
    if fetched.automatic:
        session.execute(sql(session, _DONE), {"event": put.event_id})
        session.execute(sql(session, _CLOSE), {"id": put.conversation_id})
    return put


def _put_into(session: Session, place: Place, fetched: Fetched, message: MessageReceived, limits: Limits) -> Put:
    """The mail as a message of this conversation; whoever else writes in it is named."""
    arrival = fetched.arrival
    happened = inbox.shortened(session, message, limits)
    if arrival.address != place.address:
        name = " ".join(filter(None, (clean_text(arrival.contact_name), f"<{clean_text(arrival.address)}>")))
        happened = replace(happened, text=f"{name}:\n\n{happened.text}")
    kind, provider_id = wire.kind_of(MessageReceived), clean_text(arrival.provider_id)
    put = append(session, NewEvent(place.id, provider_id, kind, wire.write(happened)))
    if not put.duplicate:
        session.execute(sql(session, _REOPEN), {"id": place.id})
        shown = {
            "conversation": place.id,
            "text": happened.text,
            "media": canonical_json([wire.to_data(item) for item in happened.media]),
            "provider": provider_id,
            "event": put.event_id,
        }
        session.execute(sql(session, _SHOW), shown)
    return put


def _note(session: Session, connection_id: int, provider_id: str, put: Put, fetched: Fetched) -> None:
    values = {
        "connection": connection_id,
        "provider": provider_id,
        "conversation": put.conversation_id,
        "message_id": clean_text(fetched.message_id),
        "answers": clean_text(" ".join(reversed(fetched.answers))),
        "subject": clean_text(fetched.subject),
    }
    session.execute(sql(session, _NOTE), values)


def _return(session: Session, fetched: Fetched) -> bool:
    """A message or letter of ours came back for good; whether there is such a one."""
    effect = session.execute(sql(session, _EFFECT), {"id": fetched.returned_effect}).first()
    if effect is None or effect.conversation_id is None:
        return False
    why = clean_text(fetched.why)[:_LONGEST_WORDS]
    if effect.kind == "send_message":
        told = {"rank": 5, "error_kind": "bounced", "error": why, "provider_id": ""}
        status = canonical_json({**told, "effect_id": effect.id, "effect_key": effect.key})
        append(session, NewEvent(effect.conversation_id, f"bounced/{effect.key}", "message_status", status))
    elif session.execute(sql(session, _BURY), {"id": effect.id, "why": why}).first() is not None:
        failed = MessageFailed(effect.key, "bounced", why)
        kind = wire.kind_of(MessageFailed)
        append(session, NewEvent(effect.conversation_id, f"failed/{effect.key}", kind, wire.write(failed)))
    return True


def _stored(session: Session, channel: Channel, file: ArrivedFile) -> Attachment:
    """The file beside its message; of what nobody should open only that it came."""
    found = media_type_of(file.content)
    is_document = file.name.lower().endswith(_DOCUMENTS)
    if len(file.content) > LARGEST_FILE_BYTES or not (found.startswith(channel.accepted_files) or is_document):
        return Attachment(found, name=f"not accepted: {plain_name(file.name)[:80] or found}")
    id_ = store_file(session, file.content, name=file.name)
    return Attachment(found, plain_name(file.name), file=str(id_), size_bytes=len(file.content))
