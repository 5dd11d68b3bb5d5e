"""Files that came with a message, or were recorded on a call, and still lie at the provider: wanted, fetched, kept.

Each is an effect of its own number, put into the outbox in the message's transaction, so that none is forgotten.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.db import sql
from app.files import media_type_of, store_file
from app.store import recordings
from app.store.events import Put
from app.store.recordings import Recording
from flows import wire
from flows.event import Attachment, Recorded
from flows.values import canonical_json, clean_text

_KIND: Final = "fetch_attachment"
_RECORDING: Final = "fetch_recording"
_LONGEST_WORDS: Final = 1_000

_WANT = """
    INSERT INTO effects (key, kind, connection_id, number_id, payload, "to", state, attempts, failures, crashes,
                         next_attempt_at, provider_id, error, created_at)
    SELECT :key, :kind, c.connection_id, c.number_id, :payload, '', 'queued', 0, 0, 0, {now}, '', '', {now}
    FROM conversations c WHERE c.id = :conversation
"""
_DUE = """
    SELECT id FROM effects WHERE conversation_id IS NULL AND kind IN (:kind, :recording)
        AND state IN ('queued', 'sending')
        AND next_attempt_at <= {now} ORDER BY next_attempt_at LIMIT :most
"""
# The instant is compared again here: whoever waited for the row finds it taken.
_TAKE = """
    UPDATE effects SET state = 'sending', attempts = attempts + 1, sending_at = {now}, next_attempt_at = {now} + :pause
    WHERE id = :id AND state IN ('queued', 'sending') AND next_attempt_at <= {now}
    RETURNING id, connection_id, attempts, failures, payload
"""
_SETTLE = """
    UPDATE effects SET state = :state, error = :error, failures = failures + :failed, next_attempt_at = {now} + :pause,
        settled_at = CASE WHEN :state = 'queued' THEN NULL ELSE {now} END
    WHERE id = :id AND attempts = :attempts AND state = 'sending' RETURNING id
"""
_MESSAGE = "SELECT id, media FROM messages WHERE conversation_id = :conversation AND event_id = :event {for update}"
_WRITE = "UPDATE messages SET media = :media, changed_at = {now} WHERE id = :id"
_PROBLEM = """
    INSERT INTO problems (conversation_id, run_id, step, kind, message, created_at)
    VALUES (:conversation, NULL, '', 'media_unreachable', :why, {now})
"""


@dataclass(frozen=True)
class Wanted:
    """A file that this process fetches now. `attempts` counts it too."""

    id: int
    connection_id: int
    attempts: int
    failures: int  # before this one
    conversation_id: int
    event_id: int
    place: int  # among the message's files
    attachment: Attachment
    recording: Recording | None = None  # instead of a message's file


def want(session: Session, put: Put, media: Sequence[Attachment]) -> None:
    """Has the files of a new message fetched that still lie elsewhere."""
    for place, one in enumerate(media):
        if not one.url or one.file or put.duplicate:
            continue
        payload = {
            "conversation": put.conversation_id,
            "event": put.event_id,
            "place": place,
            "url": clean_text(one.url),
            "media_type": clean_text(one.media_type),
            "name": clean_text(one.name),
        }
        key = f"attachment/{put.event_id}/{place}"
        values = {"key": key, "kind": _KIND, "payload": canonical_json(payload), "conversation": put.conversation_id}
        session.execute(sql(session, _WANT), values)


def want_recording(session: Session, put: Put, recorded: Recorded) -> None:
    """Has a recording fetched, once however often the carrier tells of it: the event is new only once."""
    if not recorded.url or put.duplicate:
        return
    payload = {
        "conversation": put.conversation_id,
        "event": put.event_id,
        "place": 0,
        "url": clean_text(recorded.url),
        "media_type": "audio/wav",
        "name": "recording",
        "recording": clean_text(recorded.effect),
        "seconds": recorded.seconds,
    }
    values = {"key": f"recording/{put.event_id}", "kind": _RECORDING, "payload": canonical_json(payload)}
    session.execute(sql(session, _WANT), {**values, "conversation": put.conversation_id})


def due(session: Session, most: int) -> Sequence[int]:
    """The ids of files that may be fetched now."""
    return session.execute(sql(session, _DUE), {"kind": _KIND, "recording": _RECORDING, "most": most}).scalars().all()


def take(session: Session, ids: Sequence[int], again_seconds: float) -> list[Wanted]:
    """Marks files as being fetched, each unless somebody else did; after `again_seconds` anybody may try again."""
    taken = []
    for id_ in sorted(ids):  # always in one order: two processes must not wait for each other
        row = session.execute(sql(session, _TAKE), {"id": id_, "pause": _microseconds(again_seconds)}).first()
        if row is not None:
            taken.append(_wanted(row))
    return taken


def keep(session: Session, wanted: Wanted, content: bytes, accepted: tuple[str, ...]) -> None:
    """Stores what was fetched beside its message, if its content is of an accepted kind. Raises: FileTooLarge."""
    media_type = media_type_of(content)
    if wanted.recording and not media_type.startswith("audio/"):
        give_up(session, wanted, f"It is no sound, but {media_type}.")
        return
    if not _settled(session, wanted, "sent"):
        return  # another process was faster
    if wanted.recording:
        recordings.keep(session, wanted.recording, content)
        return
    if not media_type.startswith(accepted):
        _change(session, wanted, not_accepted(media_type))
        return
    file_id = store_file(session, content, name=wanted.attachment.name)
    size = len(content)
    _change(session, wanted, Attachment(media_type, wanted.attachment.name, file=str(file_id), size_bytes=size))


def retry(session: Session, wanted: Wanted, why: str, again_seconds: float) -> None:
    """Another attempt later."""
    _settled(session, wanted, "queued", why, again_seconds)


def give_up(session: Session, wanted: Wanted, why: str) -> None:
    """No further attempt: the message says that a file is missing, and people see why."""
    if _settled(session, wanted, "dead", why):
        kind = wanted.attachment.media_type
        if wanted.recording:
            recordings.lose(session, wanted.recording, why)
        else:
            _change(session, wanted, Attachment(kind, f"not fetched: {kind}"))
        what = "A recording" if wanted.recording else "A file of a message"
        sentence = clean_text(f"{what} could not be fetched: {why}")[:_LONGEST_WORDS]
        values = {"conversation": wanted.conversation_id, "why": sentence}
        session.execute(sql(session, _PROBLEM), values)


def not_accepted(media_type: str) -> Attachment:
    """What stands in a message instead of a file of a kind that nobody should open."""
    return Attachment(media_type, name=f"not accepted: {media_type}")


def _wanted(row: Row[Any]) -> Wanted:
    told = json.loads(row.payload)
    attachment = Attachment(told["media_type"], told["name"], url=told["url"])
    return Wanted(
        row.id,
        row.connection_id,
        row.attempts,
        row.failures,
        told["conversation"],
        told["event"],
        told["place"],
        attachment,
        Recording(told["conversation"], told["event"], told["recording"], told["seconds"])
        if "recording" in told
        else None,
    )


def _settled(session: Session, wanted: Wanted, state: str, why: str = "", again_seconds: float = 0) -> bool:
    """Whether this attempt was still the latest one."""
    values = {
        "id": wanted.id,
        "attempts": wanted.attempts,
        "state": state,
        "error": clean_text(why)[:_LONGEST_WORDS],
        "failed": int(state != "sent"),
        "pause": _microseconds(again_seconds),
    }
    return session.execute(sql(session, _SETTLE), values).first() is not None


def _change(session: Session, wanted: Wanted, attachment: Attachment) -> None:
    """Writes one file of the message; several of it may come at once, so its row is locked meanwhile."""
    place = {"conversation": wanted.conversation_id, "event": wanted.event_id}
    row = session.execute(sql(session, _MESSAGE), place).one()
    media = json.loads(row.media)
    media[wanted.place] = wire.to_data(attachment)
    session.execute(sql(session, _WRITE), {"id": row.id, "media": canonical_json(media)})


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)
