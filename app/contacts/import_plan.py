"""What importing a file of contacts would do: who is new, who changes, who stays, which lines are refused and why."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.contacts.checked import CONSENTS, TEXTS, checked_address, checked_fields, checked_text, invalid, stored_fields
from app.contacts.csv_text import FIELD, cell_text, header_of, is_formula, lines
from app.errors import Invalid
from app.store.rows import over
from flows.values import canonical_json, clean_text

BATCH: Final = 1_000
"""Rows of one statement; between two of them other requests of the process have their turn."""
_CONSENT: Final = {"yes": "given", "no": "withdrawn", **{one: one for one in CONSENTS}}


@dataclass
class Line:
    """One line that can be taken: what it says, as it is kept. `contact_id` 0: a new contact."""

    number: int
    texts: dict[str, str]
    addresses: dict[str, str]
    own: dict[str, Any] = field(default_factory=dict)
    consent: str = ""
    segments: tuple[str, ...] = ()
    contact_id: int = 0
    changes: dict[str, Any] = field(default_factory=dict)  # of a known contact: columns and their new values
    new_addresses: dict[str, str] = field(default_factory=dict)
    joins: tuple[str, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether a known contact would be another afterwards."""
        return bool(self.changes or self.new_addresses or self.joins)


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


def plan(session: Session, content: bytes) -> Plan:
    """The plan; it changes nothing. Raises: Invalid for a file that cannot be read as a whole."""
    made = Plan()
    taken = list(_read(content, set(session.execute(text("SELECT name FROM segments")).scalars()), made))
    _find_owners(session, taken, made)
    known = {one.contact_id: one for one in taken if one.contact_id}
    for batch in batches(sorted(known)):
        for row in over(session, _CONTACTS, {"id": "bigint"}, [{"id": id_} for id_ in batch]):
            try:
                _compare(known[row.id], row)
            except Invalid as problem:
                made.refused.append((known[row.id].number, problem.sentence))
                del known[row.id]
    made.new = [one for one in taken if not one.contact_id]
    made.changed = [one for one in known.values() if one.is_changed]
    made.unchanged = [one for one in known.values() if not one.is_changed]
    made.refused.sort()
    return made


def batches(many: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """So many at a time; others have their turn in between."""
    for first in range(0, len(many), BATCH):
        time.sleep(0)  # web serves everybody in one thread
        yield many[first : first + BATCH]


def _read(content: bytes, segments: set[str], made: Plan) -> Iterable[Line]:
    """The lines that can be read; no two of them name one address."""
    seen: dict[tuple[str, str], int] = {}
    header: list[str] = []
    for count, (number, cells) in enumerate(list(lines(content))):  # the whole file is one that can be read
        if count % BATCH == 0:
            time.sleep(0)  # as above
        if not header:
            header = header_of(cells)
            continue
        try:
            line = _line(number, header, cells, segments)
            for place in line.addresses.items():
                if place in seen:
                    raise invalid(place[0], f"{place[1]} stands on line {seen[place]} already.")
            seen |= dict.fromkeys(line.addresses.items(), number)
        except Invalid as problem:
            made.refused.append((number, problem.sentence))
        else:
            yield line


def _line(number: int, header: Sequence[str], cells: Sequence[str], segments: set[str]) -> Line:
    if len(cells) != len(header):
        raise invalid("", f"The line has {len(cells)} cells, and the first line {len(header)}.")
    for name, cell in zip(header, cells, strict=True):
        if is_formula(cell.strip()):
            sentence = f"The {name} begins with “{cell.strip()[0]}”, as a formula does: put an apostrophe before it."
            raise invalid(name, sentence)
    said = {name: clean_text(cell_text(cell.strip())).strip() for name, cell in zip(header, cells, strict=True)}
    said = {name: cell for name, cell in said.items() if cell}
    addresses: dict[str, str] = {kind: checked_address(kind, said[kind]) for kind in ("phone", "email") if kind in said}
    if not addresses:
        raise invalid("", "The line has neither a telephone number nor an e-mail address.")
    consent = _CONSENT.get(said.get("consent", "").lower(), "")
    if "consent" in said and not consent:
        raise invalid("consent", f"The consent is “{said['consent'][:40]}”; it may be yes or no.")
    wanted = tuple(dict.fromkeys(one.strip() for one in said.get("segments", "").split(";") if one.strip()))
    for one in wanted:
        if one not in segments:
            raise invalid("segments", f"There is no segment “{one[:60]}”: make it first, or correct its name.")
    own = {name.removeprefix(FIELD): value for name, value in said.items() if name.startswith(FIELD)}
    checked_fields({}, own)
    texts: dict[str, str] = {name: checked_text(name, said[name]) for name in TEXTS if name in said}
    return Line(number, texts, addresses, own, consent, wanted)


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


def _compare(line: Line, row: Any) -> None:
    changes: dict[str, Any] = {name: value for name, value in line.texts.items() if getattr(row, name) != value}
    if line.consent and line.consent != row.consent:
        changes["consent"] = line.consent
    attributes = canonical_json(checked_fields(stored_fields(row.attributes), line.own))
    if attributes != row.attributes:
        changes["attributes"] = attributes
    line.changes = changes
    held = row.segments.split(",") if row.segments else []
    line.joins = tuple(one for one in line.segments if one not in held)
