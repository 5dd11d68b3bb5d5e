"""The API's files: uploaded as raw bytes, listed for those who draw, described with an address that opens for a day."""

from datetime import datetime
from typing import Annotated, Final, TypedDict

from flask import request
from sqlalchemy import ColumnElement, Row, Select, select, update
from sqlalchemy.orm import Session, defer

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.db import now
from app.errors import Conflict, Invalid, NotFound
from app.file_address import file_address
from app.files import LARGEST_FILE_BYTES, plain_name, store_file
from app.house import House
from app.models import File
from app.publishing.uses import uses_of_file
from app.web.api.answers import Instant, PageData
from app.web.api.doors import RAW, ROW_ID, Asked, Noun, fields, one_of, text
from app.web.api.lists import PAGE, page, wanted
from app.web.refusals import too_large

noun = Noun("files", Right.READ_CONVERSATIONS, Right.UPLOAD_FILES)


class FileData(TypedDict):
    """A file; `uploaded_by` is empty for one that came with a message."""

    id: int
    media_type: str
    name: str
    size_bytes: int
    sha256: str
    uploaded_by: str
    created_at: Instant
    address: Annotated[str, "Where anybody who has it reads the file for a day."]


class DeletedFileData(TypedDict):
    """The id of what is gone."""

    deleted: int


_Row = tuple[int, str, str, int, str, str, datetime]
# What an editor offers where a step wants a sound, a picture or a document.
_SORTS: Final = {
    "image": File.media_type.startswith("image/"),
    "audio": File.media_type.startswith("audio/"),
    "video": File.media_type.startswith("video/"),
    "document": File.media_type.in_(["application/pdf", "text/plain"]),
}


@noun.get("/files", {**PAGE, "sort": one_of(*_SORTS), "name": text(100)})
def list_files(asked: Asked) -> PageData[FileData]:
    """The uploaded files, the newest first, by their sort and a part of their name; not those of conversations."""
    query = _query(File.uploaded_by != "").order_by(File.id.desc()).limit(wanted(asked.query))
    if asked.query.get("after"):
        query = query.where(File.id < asked.query["after"])
    if "sort" in asked.query:
        query = query.where(_SORTS[asked.query["sort"]])
    if asked.query.get("name"):
        query = query.where(File.name.icontains(asked.query["name"], autoescape=True))
    with asked.house.database.reading() as session:
        rows, at = session.execute(query).all(), now(session)
    return page(rows, asked.query, lambda row: _shown(asked.house, row, at), lambda row: int(row.id))


@noun.post("/files", RAW, status=201)
def upload_file(asked: Asked) -> FileData:
    """Stores the request's body, at most 16 MiB; the same content is stored once."""
    if (request.content_length or 0) > LARGEST_FILE_BYTES:
        raise too_large(LARGEST_FILE_BYTES)
    request.max_content_length = LARGEST_FILE_BYTES
    content = request.get_data(cache=False)
    if not content:
        raise Invalid("The body is empty: send the file's bytes as they are.", "empty")
    with asked.house.database.transaction() as session:
        number = store_file(session, content)
        came = update(File).where(File.id == number, File.uploaded_by == "")  # now, or before with a message
        session.execute(came.values(uploaded_by=asked.who))
        return _one(session, asked.house, number)


@noun.get(f"/files/{ROW_ID}")
def read_file(asked: Asked, number: int) -> FileData:
    """A file's kind and size, and the address where anybody who has it reads it for a day."""
    with asked.house.database.reading() as session:
        return _one(session, asked.house, number)


@noun.patch(f"/files/{ROW_ID}", fields({"name": text(100)}, "name"))
def rename_file(asked: Asked, number: int) -> FileData:
    """Another name for an uploaded file."""
    with asked.house.database.transaction() as session:
        _uploaded(session, number).name = plain_name(asked.body["name"])
        session.flush()
        return _one(session, asked.house, number)


@noun.delete(f"/files/{ROW_ID}")
def delete_file(asked: Asked, number: int) -> DeletedFileData:
    """Takes an uploaded file away that no flow and no conversation needs."""
    with asked.house.database.reading() as session:
        refuse_needed(session, number)  # it may look through many messages, so not while others wait to write
    with asked.house.database.transaction() as session:
        row = _uploaded(session, number)
        note_act(session, asked.who, "delete_file", f"{row.name or row.media_type} ({row.sha256})")
        session.delete(row)
    return {"deleted": number}


def refuse_needed(session: Session, number: int) -> None:
    """Raises: Conflict where somebody still needs the file. One that is sent in this very moment is not seen; its
    message then says that the file is gone."""
    row = _uploaded(session, number)
    if uses := uses_of_file(session, row.sha256, row.id):
        shown = " and ".join([*uses[:3], *(["others"] if len(uses) > 3 else [])])
        raise Conflict(f"The file is used by {shown}: take it out there first.", "in_use", {"uses": uses[:50]})


def _uploaded(session: Session, number: int) -> File:
    row = session.get(File, number, options=[defer(File.content)])
    if row is None:
        raise NotFound(f"There is no file {number}.")
    if not row.uploaded_by:
        raise Conflict("The file belongs to a conversation: it stays as long as that does.", "in_use")
    return row


def _one(session: Session, house: House, number: int) -> FileData:
    row = session.execute(_query(File.id == number)).first()
    if row is None:
        raise NotFound(f"There is no file {number}.")
    return _shown(house, row, now(session))


def _query(condition: ColumnElement[bool]) -> Select[*_Row]:
    """Everything but the content."""
    columns = (File.id, File.media_type, File.name, File.size_bytes, File.sha256, File.uploaded_by, File.created_at)
    return select(*columns).where(condition)


def _shown(house: House, row: Row[*_Row], at: datetime) -> FileData:
    return {
        "id": row.id,
        "media_type": row.media_type,
        "name": row.name,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "uploaded_by": row.uploaded_by,
        "created_at": row.created_at.isoformat(),
        "address": house.settings.effective_public_url + file_address(house.key, row.id, at),
    }
