"""What may be written about a contact, checked field by field; the one place for the API and for files."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from app.channels.phone_number import read_phone_number
from app.desk.local_time import zone_named
from app.errors import Invalid
from flows.answers import read_contact_email
from flows.errors import FlowError
from flows.form import ID_PATTERN, LANGUAGE_PATTERN
from flows.values import canonical_json, clean_text, encode, from_plain, in_one_line

TEXTS: Final = ("name", "language", "zone", "account_manager")
CONSENTS: Final = ("given", "withdrawn")
ADDRESS_KINDS: Final = ("phone", "email")
LONGEST: Final = 200
MOST_BYTES: Final = 65_536
"""Of all of a contact's own fields together: every turn of theirs reads them."""

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}\Z", re.ASCII)
_NAME: Final = re.compile(ID_PATTERN[:-1] + r"\Z")
_LANGUAGE: Final = re.compile(LANGUAGE_PATTERN[:-1] + r"\Z")


def checked_text(field: str, written: str) -> str:
    """A name, language, zone or account manager as it is kept. Raises: Invalid."""
    text = in_one_line(written).strip()  # a cell of a file may have line breaks
    if len(text) > LONGEST:
        raise invalid(field, f"The {_word(field)} has {len(text)} characters; at most {LONGEST} are kept.")
    if field == "language" and text and not _LANGUAGE.match(text):
        raise invalid(field, f"“{text[:40]}” is no language code: write one such as en or pl.")
    if field == "zone" and text and zone_named(text) is None:
        raise invalid(field, f"“{text[:40]}” is no time zone: write one such as Europe/Warsaw.")
    return text


def checked_address(kind: str, written: str, country: str = "") -> str:
    """An address in its one spelling. Raises: Invalid."""
    text = written.strip()
    if kind == "email":
        found = read_contact_email(text) or ""
    else:  # whole files of numbers in their one spelling are not parsed again
        found = text if _E164.match(text) else read_phone_number(text, country)
    if not found:
        raise invalid(kind, f"“{clean_text(text)[:80]}” is no {_word(kind)}.")
    return found


def checked_fields(held: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The contact's own fields (as they are stored) with these plain values in them; None removes. Raises: Invalid."""
    kept = dict(held)
    for name, value in given.items():
        if not _NAME.match(name):
            raise invalid("attributes", f"“{name[:40]}” is no field's name: use small letters, digits and underscores.")
        try:
            kept[name] = encode(from_plain(value))
        except FlowError as problem:
            raise invalid(f"attributes.{name}", f"The field {name} cannot be kept: {problem}") from problem
    kept = {name: value for name, value in kept.items() if value is not None}
    if len(canonical_json(kept).encode()) > MOST_BYTES:
        raise invalid("attributes", f"A contact's own fields have at most {MOST_BYTES >> 10} KiB in all.")
    return kept


def stored_fields(text: str) -> dict[str, Any]:
    """The own fields of a contact's row."""
    fields: dict[str, Any] = json.loads(text)
    return fields


def invalid(field: str, sentence: str) -> Invalid:
    """The refusal of one field."""
    return Invalid(sentence, "field_invalid", {"field": field}, field=field)


def _word(field: str) -> str:
    return {"phone": "telephone number", "email": "e-mail address"}.get(field, field.replace("_", " "))
