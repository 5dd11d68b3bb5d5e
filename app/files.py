"""Files behind two functions: kept in the table `files` by the hash of their content, so an object store can follow."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import sql
from app.models.stored import File

LARGEST_FILE_BYTES: Final = 16 * 1024 * 1024  # larger ones belong into an object store

# The first bytes of what is shown or handed on. https://mimesniff.spec.whatwg.org/#sniffing-in-an-image-context and
# #matching-an-audio-or-video-type-pattern; boxes of MP4 and its kin: https://mp4ra.org/registered-types/brands; AMR:
# RFC 4867 §5.1; AAC in ADTS: ISO/IEC 13818-7; HEIC: https://nokiatech.github.io/heif/technical.html
_SIGNATURES: Final = tuple(
    (re.compile(start, re.DOTALL), media_type)
    for start, media_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBPVP", "image/webp"),
        (rb"....ftyp(heic|heix|hevc|mif1|msf1)", "image/heic"),
        (rb"....ftypavi[fs]", "image/avif"),
        (rb"%PDF-", "application/pdf"),
        (rb"....ftyp(M4A |M4B )", "audio/mp4"),
        (rb"....ftyp3g[2egprs]", "video/3gpp"),
        (rb"....ftypqt  ", "video/quicktime"),
        (rb"....ftyp", "video/mp4"),
        (rb"\x1aE\xdf\xa3", "video/webm"),
        (rb"OggS\x00", "audio/ogg"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"ID3[\x02-\x04]|\xff[\xf2\xf3\xfa\xfb]", "audio/mpeg"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"#!AMR", "audio/amr"),
    )
)
_UNKNOWN: Final = "application/octet-stream"
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # https://mimesniff.spec.whatwg.org/#binary-data-byte
_LONGEST_NAME = 100


class FileTooLarge(ValueError):
    """A file over 16 MiB; the sentence says so."""


@dataclass(frozen=True)
class StoredFile:
    """A file as it was stored; `media_type` was found in its content."""

    id: int
    media_type: str
    name: str
    content: bytes = field(repr=False)


def store_file(session: Session, content: bytes, name: str = "") -> int:
    """The id of the row with this content, made now unless it is there. Raises: FileTooLarge.

    Its kind is what the content itself shows, not what somebody says it is.
    """
    if len(content) > LARGEST_FILE_BYTES:
        raise FileTooLarge(f"A file may have {LARGEST_FILE_BYTES >> 20} MiB; this one is larger. Send a smaller one.")
    values = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": media_type_of(content),
        "name": plain_name(name),
        "size": len(content),
        "content": content,
    }
    find = text("SELECT id FROM files WHERE sha256 = :sha256")
    found = session.execute(find, values).scalar()
    if found is None:
        session.execute(
            sql(
                session,
                "INSERT INTO files (sha256, media_type, name, size_bytes, content, created_at)"
                " VALUES (:sha256, :media_type, :name, :size, :content, {now}) ON CONFLICT (sha256) DO NOTHING",
            ),
            values,
        )
        found = session.execute(find, values).scalar_one()
    return int(found)


def read_file(session: Session, file_id: int) -> StoredFile | None:
    """The file with this id, or None."""
    row = session.execute(
        select(File.id, File.media_type, File.name, File.content).where(File.id == file_id)
    ).one_or_none()
    return None if row is None else StoredFile(row.id, row.media_type, row.name, bytes(row.content))


def media_type_of(content: bytes) -> str:
    """What the content is: picture, sound, film, PDF, plain text, or application/octet-stream when none of them."""
    for signature, media_type in _SIGNATURES:
        if signature.match(content):
            return media_type
    if _BINARY.search(content):
        return _UNKNOWN
    try:
        content.decode()
    except UnicodeDecodeError:
        return _UNKNOWN
    return "text/plain"


def plain_name(name: str) -> str:
    """A file's name without folders and invisible characters, at most 100 characters, its ending kept."""
    shown = visible(re.split(r"[/\\]", name)[-1]).strip(" .")
    if len(shown) <= _LONGEST_NAME:
        return shown
    stem, dot, ending = shown.rpartition(".")
    keep = f"{dot}{ending}" if dot and len(ending) <= 10 else ""
    return (stem if keep else shown)[: _LONGEST_NAME - len(keep)] + keep


def visible(name: str) -> str:
    """A name without what nobody sees: line breaks, other control characters, and those that turn the writing round."""
    return "".join(letter for letter in name if unicodedata.category(letter)[0] != "C")
