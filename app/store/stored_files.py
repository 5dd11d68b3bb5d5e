"""Stored files that go out with messages: found by the hash a flow names, given an address a provider can fetch."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.file_address import file_address
from app.handled import Outgoing
from app.models.stored import File
from app.sealing import SecretKey
from flows.ask import FileState, FileStateAnswer
from flows.event import Attachment
from flows.values import canonical_json

_BY_HASH: Final = re.compile(r'"file":"([0-9a-f]{64})"')


def with_files(session: Session, message: Outgoing) -> Outgoing:
    """The message with the ids, kinds, sizes and names of the files that it names by their hash.

    One that is not there stays as it is; whoever sends the message finds that out.
    """
    hashes = set(_BY_HASH.findall(message.media))
    if not hashes:
        return message
    columns = (File.sha256, File.id, File.media_type, File.size_bytes, File.name)
    rows = {row.sha256: row for row in session.execute(select(*columns).where(File.sha256.in_(hashes)))}
    media = json.loads(message.media)
    for item in media:
        if (row := rows.get(item["file"])) is not None:
            facts = {"file": str(row.id), "media_type": row.media_type, "size_bytes": row.size_bytes}
            item.update(facts | {"name": item["name"] or row.name})
    payload = {**json.loads(message.payload), "media": media}
    return replace(message, media=canonical_json(media), payload=canonical_json(payload))


def file_state(session: Session, request: FileState) -> FileStateAnswer:
    """What is known of the stored file that a flow names by its hash."""
    columns = (File.id, File.media_type, File.name)
    row = session.execute(select(*columns).where(File.sha256 == request.file)).one_or_none()
    return FileStateAnswer() if row is None else FileStateAnswer(str(row.id), row.media_type, row.name)


def with_addresses(
    session: Session, key: SecretKey, public_url: str, present: datetime, media: Sequence[Attachment]
) -> tuple[Attachment, ...]:
    """The files with a signed address for each stored one, and what is known of it; one that is not there gets none."""
    wanted = [int(item.file) for item in media if item.file.isdecimal() and len(item.file) < 19]
    columns = (File.id, File.media_type, File.size_bytes)
    rows = {str(row.id): row for row in session.execute(select(*columns).where(File.id.in_(wanted)))}
    return tuple(
        replace(
            item,
            url=public_url + file_address(key, row.id, present),
            media_type=row.media_type,
            size_bytes=row.size_bytes,
        )
        if (row := rows.get(item.file)) is not None
        else item
        for item in media
    )


def contents_of(session: Session, media: Sequence[Attachment]) -> dict[str, bytes]:
    """What the stored ones of these files hold, by their `file`."""
    wanted = [int(item.file) for item in media if item.file.isdecimal() and len(item.file) < 19]
    if not wanted:
        return {}
    rows = session.execute(select(File.id, File.content).where(File.id.in_(wanted)))
    return {str(row.id): bytes(row.content) for row in rows}
