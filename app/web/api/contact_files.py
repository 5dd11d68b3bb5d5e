"""The API's files of contacts: a plan of an import, the import as a whole or not at all, and the export."""

from typing import Annotated, TypedDict

from flask import Response, request

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.contacts.csv_text import LARGEST_BYTES
from app.contacts.exporting import export_lines
from app.contacts.import_plan import Plan, plan
from app.contacts.importing import RefusedLineData, import_file, refused_data
from app.contacts.reading import Line, read_file
from app.web.api.doors import RAW, SLUG, Asked, Noun
from app.web.refusals import too_large

noun = Noun("contact_files", Right.EXPORT_CONTACTS, Right.EDIT_CONTACTS)

_SHOWN = 50  # of the changed ones: enough to see whether the file is the right one


class ChangedLineData(TypedDict):
    """A line that changes a contact, and the names of the fields that it changes."""

    line: int
    contact: Annotated[int, "The contact's id."]
    fields: list[str]


class ImportData(TypedDict):
    """How many lines are new contacts, change known ones, change nothing, and are refused."""

    new: int
    changed: int
    unchanged: int
    refused: int
    refused_lines: Annotated[list[RefusedLineData], "The first 200 of them."]
    changed_lines: Annotated[list[ChangedLineData], "The first 50 of them."]


@noun.post("/contacts/import/plan", RAW)
def plan_contacts(asked: Asked) -> ImportData:
    """What importing this CSV file (the body, UTF-8) would do: new, changed and unchanged contacts, and refused lines.

    Columns: name, phone, email, language, zone, account_manager, consent (yes, no), segments (with ; between them) and
    attributes.NAME; an empty cell leaves what is there, and no “yes” gives a consent again that was taken back. Changes
    nothing.
    """
    read = read_file(_content())
    with asked.house.database.reading() as session:
        return _shown(plan(session, read))


@noun.post("/contacts/import", RAW)
def import_contacts(asked: Asked) -> ImportData:
    """Imports the CSV file as a whole, or not at all when one line is refused: 422 then names the lines."""
    read = read_file(_content())  # before the transaction, for which all who write to SQLite wait
    with asked.house.database.transaction() as session:
        done = import_file(session, read, asked.who)
        what = f"{len(done.new)} new, {len(done.changed)} changed, {len(done.unchanged)} unchanged"
        note_act(session, asked.who, "import_contacts", what)
    return _shown(done)


@noun.get("/contacts/export", {"segment": SLUG})
def export_contacts(asked: Asked) -> Response:
    """All contacts, or a segment's, as a CSV file; those with an address can be imported again.

    No cell of it is a formula.
    """
    segment = asked.query.get("segment", "")
    with asked.house.database.transaction() as session:
        note_act(session, asked.who, "export_contacts", segment or "all")
    response = Response(export_lines(asked.house.database, segment), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="contacts.csv"'
    return response


def _content() -> bytes:
    if (request.content_length or 0) > LARGEST_BYTES:
        raise too_large(LARGEST_BYTES)
    request.max_content_length = LARGEST_BYTES
    return request.get_data(cache=False)


def _shown(made: Plan) -> ImportData:
    return {
        "new": len(made.new),
        "changed": len(made.changed),
        "unchanged": len(made.unchanged),
        "refused": len(made.refused),
        "refused_lines": refused_data(made),
        "changed_lines": [_changed(one) for one in made.changed[:_SHOWN]],
    }


def _changed(line: Line) -> ChangedLineData:
    fields = sorted([*line.changes, *line.new_addresses, *(["segments"] if line.joins else [])])
    return {"line": line.number, "contact": line.contact_id, "fields": fields}
