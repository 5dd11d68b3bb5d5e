"""What importing a file of contacts would do: who is new, who changes, who stays, which lines are refused and why."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.contacts.checked import checked_fields, invalid, stored_fields
from app.contacts.reading import BATCH, Line, Read
from app.errors import Conflict, Invalid
from app.store.rows import over
from flows.values import canonical_json


@dataclass
class Plan:
    """Every line of the file, in one of four lists; `refused` are line numbers with their sentences."""

    new: list[Line] = field(default_factory=list)
    changed: list[Line] = field(default_factory=list)
    unchanged: list[Line] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


_OWNERS: Final = """
    SELECT a.kind, a.value, a.contact_id FROM addresses a JOIN {rows} ON a.kind = r.kind AND a.value = r.value
"""
_CONTACTS: Final = """
    SELECT k.id, k.name, k.language, k.zone, k.account_manager, k.consent, k.attributes,
           (SELECT string_agg(s.name, ',' ORDER BY s.name) FROM segment_members g JOIN segments s ON s.id = g.segment_id
            WHERE g.contact_id = k.id) AS segments
    FROM contacts k JOIN {rows} ON r.id = k.id
"""


def plan(session: Session, read: Read) -> Plan:
    """The plan of a file that was read; it changes nothing. Its lines are of this plan from here on.
    Raises: Conflict when a contact vanishes at that moment."""
    made = Plan(refused=list(read.refused))
    taken = _with_segments(session, read, made)
    _find_owners(session, taken, made)
    made.new = [one for one in taken if not one.contact_id]
    _compare_with_stored(session, [one for one in taken if one.contact_id], made)
    made.refused.sort()
    return made


def compare_again(session: Session, made: Plan) -> None:
    """Compares the lines that change something once more, now that the caller has locked their contacts: what others
    have written since the plan is not overwritten. Raises: Conflict when one of the contacts is gone."""
    lines, made.changed = made.changed, []
    _compare_with_stored(session, lines, made)
    made.refused.sort()


def batches(many: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """So many at a time; others have their turn in between."""
    for first in range(0, len(many), BATCH):
        time.sleep(0)  # web serves everybody in one thread
        yield many[first : first + BATCH]


def _with_segments(session: Session, read: Read, made: Plan) -> list[Line]:
    """The lines whose segments are there."""
    there = set(session.execute(text("SELECT name FROM segments")).scalars())
    for line in read.lines:
        if missing := next((one for one in line.segments if one not in there), ""):
            sentence = f"There is no segment “{missing[:60]}”: make it first, or correct its name."
            made.refused.append((line.number, sentence))
    refused = {number for number, _ in made.refused}
    return [line for line in read.lines if line.number not in refused]


def _find_owners(session: Session, taken: list[Line], made: Plan) -> None:
    """Whose the addresses are; a line that names two contacts, or one that another line has named, is refused."""
    places = [{"kind": kind, "value": value} for one in taken for kind, value in one.addresses.items()]
    owners: dict[tuple[str, str], int] = {}
    for batch in batches(places):
        for row in over(session, _OWNERS, {"kind": "text", "value": "text"}, batch):
            owners[row.kind, row.value] = row.contact_id
    first: dict[int, int] = {}
    for one in taken:
        found = {owners[place] for place in one.addresses.items() if place in owners}
        sentence = ""
        if len(found) > 1:
            sentence = "The telephone number is one contact's and the e-mail address another's: merge the two first."
        elif found and (earlier := first.setdefault(next(iter(found)), one.number)) != one.number:
            sentence = f"This is the contact of line {earlier} too: put both into one line."
        if sentence:
            made.refused.append((one.number, sentence))
            one.contact_id = -1
        elif found:
            one.contact_id = found.pop()
            one.new_addresses = {kind: value for kind, value in one.addresses.items() if (kind, value) not in owners}
    taken[:] = [one for one in taken if one.contact_id >= 0]


def _compare_with_stored(session: Session, lines: Sequence[Line], made: Plan) -> None:
    for batch in batches(lines):
        ids = [{"id": id_} for id_ in sorted(one.contact_id for one in batch)]
        stored = {row.id: row for row in over(session, _CONTACTS, {"id": "bigint"}, ids)}
        for one in batch:
            if one.contact_id not in stored:
                sentence = "A contact of the file was merged with another one at that very moment: plan again."
                raise Conflict(sentence, "contacts_changed")
            try:
                _compare(one, stored[one.contact_id])
            except Invalid as problem:
                made.refused.append((one.number, problem.sentence))
            else:
                (made.changed if one.is_changed else made.unchanged).append(one)


def _compare(line: Line, row: Any) -> None:
    changes: dict[str, Any] = {name: value for name, value in line.texts.items() if getattr(row, name) != value}
    if line.consent == "given" and row.consent == "withdrawn":  # an old list must not write to them again
        sentence = "This contact has taken their consent back, and no file gives it again: leave the cell empty."
        raise invalid("consent", sentence)
    if line.consent and line.consent != row.consent:
        changes["consent"] = line.consent
    attributes = canonical_json(checked_fields(stored_fields(row.attributes), line.own))
    if attributes != row.attributes:
        changes["attributes"] = attributes
    line.changes = changes
    held = row.segments.split(",") if row.segments else []
    line.joins = tuple(one for one in line.segments if one not in held)
