"""Reading a file of contacts: each line as it would be kept, or why it cannot be. It asks no database, for it is half
of an import's work: whoever writes to the database need not wait for it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.contacts.checked import CONSENTS, TEXTS, checked_address, checked_fields, checked_text, invalid
from app.contacts.csv_text import FIELD, cell_text, header_of, is_formula, lines
from app.errors import Invalid
from flows.values import clean_text

BATCH: Final = 1_000
"""Lines at a time, and rows of one statement; in between other requests of the process have their turn."""
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
class Read:
    """Every line of a file: those that can be taken, and the numbers of the others with their sentences."""

    lines: list[Line] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_file(content: bytes) -> Read:
    """The lines of a file; no two of them name one address. Raises: Invalid for one that cannot be read as a whole."""
    read = Read()
    seen: dict[tuple[str, str], int] = {}
    header: list[str] = []
    for count, (number, cells) in enumerate(list(lines(content))):  # the whole file is one that can be read
        if count % BATCH == 0:
            time.sleep(0)  # web serves everybody in one thread
        if not header:
            header = header_of(cells)
            continue
        try:
            line = _line(number, header, cells)
            for place in line.addresses.items():
                if place in seen:
                    raise invalid(place[0], f"{place[1]} stands on line {seen[place]} already.")
            seen |= dict.fromkeys(line.addresses.items(), number)
        except Invalid as problem:
            read.refused.append((number, problem.sentence))
        else:
            read.lines.append(line)
    return read


def _line(number: int, header: Sequence[str], cells: Sequence[str]) -> Line:
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
    own = {name.removeprefix(FIELD): value for name, value in said.items() if name.startswith(FIELD)}
    checked_fields({}, own)
    texts: dict[str, str] = {name: checked_text(name, said[name]) for name in TEXTS if name in said}
    return Line(number, texts, addresses, own, consent, wanted)
