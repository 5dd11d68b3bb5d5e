"""All contacts as CSV, a page of the database at a time; those with an address can be imported again."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.contacts.csv_text import COLUMNS, FIELD, safe_cell
from app.db import Database, sql
from flows.values import decode, to_text

_PAGE: Final = 1_000
_NAMES: Final = "SELECT id, attributes FROM contacts WHERE attributes <> '{}' AND id > :after ORDER BY id LIMIT :most"
_ROWS: Final = """
    SELECT k.id, k.name, k.language, k.zone, k.account_manager, k.consent, k.attributes,
           (SELECT a.value FROM addresses a WHERE a.contact_id = k.id AND a.kind = 'phone'
            ORDER BY a.id LIMIT 1) AS phone,
           (SELECT a.value FROM addresses a WHERE a.contact_id = k.id AND a.kind = 'email'
            ORDER BY a.id LIMIT 1) AS email,
           (SELECT string_agg(s.name, ';' ORDER BY s.name) FROM segment_members g JOIN segments s ON s.id = g.segment_id
            WHERE g.contact_id = k.id) AS segments
    FROM contacts k WHERE k.id > :after AND (:segment = '' OR k.id IN (
        SELECT g.contact_id FROM segment_members g JOIN segments s ON s.id = g.segment_id WHERE s.name = :segment))
    ORDER BY k.id LIMIT :most
"""


def export_lines(database: Database, segment: str = "") -> Iterator[str]:
    """The file in pieces, with everybody or a segment's members; each piece is read for itself."""
    own = _own_fields(database)
    yield _written([[*COLUMNS, *(f"{FIELD}{name}" for name in own)]])
    after = 0
    while True:
        with database.reading() as session:
            rows = _page(session, _ROWS, after, segment)
        if not rows:
            return
        after = rows[-1].id
        yield _written([_cells(row, own) for row in rows])


def _own_fields(database: Database) -> list[str]:
    """The names of all fields that any contact has; they are the file's further columns."""
    names: set[str] = set()
    after = 0
    while True:
        with database.reading() as session:
            rows = _page(session, _NAMES, after, "")
        if not rows:
            return sorted(names)
        after = rows[-1].id
        names |= {name for row in rows for name in json.loads(row.attributes)}


def _page(session: Session, statement: str, after: int, segment: str) -> Sequence[Row[Any]]:
    values = {"after": after, "segment": segment, "most": _PAGE}
    return session.execute(sql(session, statement), values).all()


def _cells(row: Row[Any], own: Sequence[str]) -> list[str]:
    fields = json.loads(row.attributes)
    consent = {"given": "yes", "withdrawn": "no"}.get(row.consent, "")
    told = [consent if name == "consent" else getattr(row, name) or "" for name in COLUMNS]
    return [*told, *(to_text(decode(fields[name])) if name in fields else "" for name in own)]


def _written(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[safe_cell(cell) for cell in row] for row in rows])
    return out.getvalue()
