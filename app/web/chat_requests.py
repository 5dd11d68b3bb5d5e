"""Reads what a chat page sends, strictly: whatever is not as it must be is refused with a sentence."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.channels.visitor import TokenRefused, Visitor, read_token
from app.files import plain_name
from app.models.stored import File
from app.sealing import SecretKey
from app.web.chat_refusals import bad_token, empty, file_unknown, no_token
from app.web.refusals import Refusal, bad_field, too_large
from flows.event import Attachment, MessageReceived

LARGEST_BODY_BYTES: Final = 1_000_000
_MOST_FIELDS = 100
_MOST_FILES = 10
_LONGEST_CHOICE = 200
_LANGUAGE = re.compile(r"[a-z]{2,3}(?=\Z|[-_])")
_UPLOAD = "chat-upload"


@dataclass(frozen=True)
class Posted:
    """A message as a page posted it; `files` are (handle, name)."""

    key: str
    text: str
    choice: str
    language: str
    files: Sequence[tuple[str, str]]


def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request of at most 1 MB and 100 fields."""
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise too_large(LARGEST_BODY_BYTES)
    request.max_content_length = LARGEST_BODY_BYTES  # for a body that does not say its length
    if not request.is_json:
        raise Refusal(415, "not_json", "Send the request as JSON, with the content type application/json.")
    try:
        body = request.get_json(cache=False)
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "not_an_object", "Send a JSON object with named fields.")
    if len(body) > _MOST_FIELDS:
        raise Refusal(400, "too_many_fields", f"Send at most {_MOST_FIELDS} fields; this request has {len(body)}.")
    return body


def posted_message(body: Mapping[str, Any]) -> Posted:
    """The message in a body: {key, text, choice?, language?, files?}."""
    posted = Posted(
        _key(body.get("key")),
        text_field(body, "text"),
        text_field(body, "choice", _LONGEST_CHOICE),
        language_of(body),
        [_file(item) for item in _files(body)],
    )
    if not posted.text.strip() and not posted.choice and not posted.files:
        raise empty()
    return posted


def text_field(body: Mapping[str, Any], name: str, longest: int = LARGEST_BODY_BYTES) -> str:
    """A field that is a text or missing (then empty)."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise bad_field(name, "a text" if longest == LARGEST_BODY_BYTES else f"a text of at most {longest} characters")
    return value


def whole_field(body: Mapping[str, Any], name: str) -> int:
    """A field that is a message's id."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise bad_field(name, "the whole number of a message")
    return value


def language_of(body: Mapping[str, Any]) -> str:
    """The page's language as a code such as "pl"; a region after it is left away."""
    found = _LANGUAGE.match(text_field(body, "language", 40).lower())
    return found[0] if found else ""


def visitor_of(request: Request, key: SecretKey, present: datetime) -> Visitor:
    """Who sends the request, by its bearer token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise no_token()
    try:
        return read_token(key, token.strip(), present)
    except TokenRefused:
        raise bad_token() from None


def file_handle(key: SecretKey, visitor: Visitor, file_id: int) -> str:
    """What a message of this visitor names the file by; nobody else can."""
    return f"{file_id}.{key.sign(_UPLOAD, _owned(visitor, file_id))}"


def received(session: Session, key: SecretKey, visitor: Visitor, posted: Posted) -> MessageReceived:
    """The happening. A choice without a text is its own text."""
    media = [_attachment(session, key, visitor, handle, name) for handle, name in posted.files]
    return MessageReceived(posted.text if posted.text.strip() else posted.choice, tuple(media), posted.choice)


def _key(value: object) -> str:
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else _no_key()
    except ValueError:
        return _no_key()


def _no_key() -> str:
    raise bad_field("key", "a UUID that the page makes once for each message")


def _files(body: Mapping[str, Any]) -> Sequence[object]:
    files = body.get("files", [])
    if not isinstance(files, list) or len(files) > _MOST_FILES:
        raise bad_field("files", f"a list of at most {_MOST_FILES} files")
    return files


def _file(item: object) -> tuple[str, str]:
    if not isinstance(item, dict):
        raise bad_field("files", "a list of objects with file and name")
    return text_field(item, "file", 100), plain_name(text_field(item, "name", 1_000))


def _attachment(session: Session, key: SecretKey, visitor: Visitor, handle: str, name: str) -> Attachment:
    id_text, _, signature = handle.partition(".")
    file_id = int(id_text) if id_text.isascii() and id_text.isdecimal() and len(id_text) < 19 else 0
    if not key.verify(_UPLOAD, _owned(visitor, file_id), signature):
        raise file_unknown()
    row = session.execute(select(File.media_type, File.size_bytes).where(File.id == file_id)).one_or_none()
    if row is None:
        raise file_unknown()
    return Attachment(row.media_type, name, file=str(file_id), size_bytes=row.size_bytes)


def _owned(visitor: Visitor, file_id: int) -> bytes:
    return f"{file_id}:{visitor.kind}:{visitor.address}".encode()
