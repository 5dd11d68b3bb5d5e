"""Recordings of calls once they are here: kept as a file, shown in the conversation, told to the run that waits."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from app.db import sql
from app.files import media_type_of, store_file
from app.models.conversation import reference
from app.store.events import NewEvent, append
from flows import wire
from flows.event import Attachment, Happening, RecordingLost, RecordingStored
from flows.values import canonical_json

_ENDINGS: Final = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a"}
_SHOW = """
    INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                          client_key, event_id, created_at, changed_at)
    VALUES (:conversation, 'in', 'contact', '', :media, '[]', 0, '', '', '', :event, {now}, {now})
"""


@dataclass(frozen=True)
class Recording:
    """A recording that a carrier told of by an event; `effect` is the key of the effect that began it."""

    conversation_id: int
    event_id: int
    effect: str
    seconds: int


def keep(session: Session, recording: Recording, content: bytes) -> None:
    """Stores what was recorded. Raises: app.files.FileTooLarge.

    Once only: the caller has settled the fetching in this transaction.
    """
    media_type = media_type_of(content)
    conversation_id, event_id = recording.conversation_id, recording.event_id
    name = f"recording-{reference(conversation_id)}.{_ENDINGS.get(media_type, 'bin')}"
    file_id = store_file(session, content, name)
    # Flows know a file by its hash, people and the outbox by its id (docs/decisions/attachments.md).
    told = Attachment(media_type, name, file=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    shown = Attachment(media_type, name, file=str(file_id), size_bytes=len(content))
    _tell(session, conversation_id, f"recorded/{event_id}", RecordingStored(recording.effect, told, recording.seconds))
    media = canonical_json([wire.to_data(shown)])
    session.execute(sql(session, _SHOW), {"conversation": conversation_id, "event": event_id, "media": media})


def lose(session: Session, recording: Recording, why: str) -> None:
    """Tells that a recording will never be here."""
    _tell(session, recording.conversation_id, f"lost/{recording.event_id}", RecordingLost(recording.effect, why))


def _tell(session: Session, conversation_id: int, key: str, happened: Happening) -> None:
    append(session, NewEvent(conversation_id, key, wire.kind_of(type(happened)), wire.write(happened)))
