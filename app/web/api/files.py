"""The API's files: uploaded as raw bytes, described with an address that reads them for a day."""

from typing import Any

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.db import now
from app.errors import Invalid, NotFound
from app.file_address import file_address
from app.files import LARGEST_FILE_BYTES, store_file
from app.house import House
from app.models import File
from app.web.api.doors import RAW, ROW_ID, Asked, Noun
from app.web.refusals import too_large

noun = Noun("files", Right.READ_CONVERSATIONS, Right.UPLOAD_FILES)


@noun.post("/files", RAW, status=201)
def upload_file(asked: Asked) -> dict[str, Any]:
    """Stores the request's body, at most 16 MiB; the same content is stored once."""
    if (request.content_length or 0) > LARGEST_FILE_BYTES:
        raise too_large(LARGEST_FILE_BYTES)
    request.max_content_length = LARGEST_FILE_BYTES
    content = request.get_data(cache=False)
    if not content:
        raise Invalid("The body is empty: send the file's bytes as they are.", "empty")
    with asked.house.database.transaction() as session:
        file_id = store_file(session, content)
        return _shown(session, asked.house, file_id)


@noun.get(f"/files/{ROW_ID}")
def read_file(asked: Asked, number: int) -> dict[str, Any]:
    """A file's kind and size, and the address where anybody who has it reads it for a day."""
    with asked.house.database.reading() as session:
        return _shown(session, asked.house, number)


def _shown(session: Session, house: House, file_id: int) -> dict[str, Any]:
    row = session.execute(
        select(File.id, File.media_type, File.name, File.size_bytes, File.sha256).where(File.id == file_id)
    ).first()
    if row is None:
        raise NotFound(f"There is no file {file_id}.")
    return {
        "id": row.id,
        "media_type": row.media_type,
        "name": row.name,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "address": house.settings.effective_public_url + file_address(house.key, row.id, now(session)),
    }
