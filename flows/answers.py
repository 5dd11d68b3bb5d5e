"""Reading a person's words as a number, a date, an e-mail address or a place. Pure, and forgiving where it is safe."""

import re
from datetime import date
from decimal import Decimal

from flows.values import Value

_SPACES = re.compile(r"[\s\u00a0\u2009\u202f'’_]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)?|[.,]\d+)", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}((,\d{3})+(\.\d+)?|(\.\d{3})+(,\d+)?)", re.ASCII)
_LONGEST_NUMBER = 60
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_WRITTEN_DATE = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})", re.ASCII)
# The longest address is 254 characters with 64 before the sign: RFC 5321 section 4.5.3.1 and its erratum 1690.
_EMAIL = re.compile(r"[^\s@<>\"(),:;\[\\\]]{1,64}@(?:[^\s@.<>\"(),:;\[\\\]]{1,63}\.)+[^\s@.<>\"(),:;\[\\\]]{2,63}")
_LONGEST_EMAIL = 254
_DEGREES = r"(-?\d{1,3}(?:\.\d{1,15})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,15})?)"
# geo:52.2,21.0 (RFC 5870), a bare pair, or a pair after q= or @ as in the addresses that map programs share.
_PLACE = re.compile(
    rf"(?:geo:\s*)?{_DEGREES}(?:;.*)?|https?://\S{{0,2000}}?(?:[?&](?:q|query|ll)=|@){_DEGREES}\S*", re.ASCII
)


def read_number(text: str, language: str) -> Decimal | None:
    """A number as people write it: 1250, 12.50, 12,50, 1 250,00, 1,250.00; None when it is none.

    One comma or point before exactly three digits ("1,250") separates thousands as the language has it: a comma in
    English, a point where the comma stands for decimals.
    """
    written = _SPACES.sub("", text)
    if not written or len(written) > _LONGEST_NUMBER:
        return None
    if _THOUSANDS.fullmatch(written):
        marks = [mark for mark in written if mark in ",."]
        english = language.startswith("en")
        if len(marks) > 1 or (marks[0] == ",") == english:
            thousands = marks[0]
            return Decimal(written.replace(thousands, "").replace(",", "."))
    return Decimal(written.replace(",", ".")) if _NUMBER.fullmatch(written) else None


def read_date(text: str, *, month_first: bool) -> date | None:
    """A date with a year of four digits: 2026-11-21, 21.11.2026, 21/11/2026; None when it is none.

    month_first: whether 11/21/2026 is meant by a date with slashes; with points the day always comes first.
    """
    written = text.strip().rstrip(".")
    if iso := _ISO_DATE.fullmatch(written):
        year, month, day = map(int, iso.groups())
    elif parts := _WRITTEN_DATE.fullmatch(written):
        day, month, year = map(int, parts.groups())
        if month_first and "." not in written:
            day, month = month, day
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def read_email(text: str) -> str | None:
    """An e-mail address, its domain in small letters; None when it is none."""
    written = text.strip().removeprefix("mailto:").strip("<>.,; ")
    if len(written) > _LONGEST_EMAIL or not _EMAIL.fullmatch(written):
        return None
    name, _, domain = written.rpartition("@")
    return f"{name}@{domain.lower()}"


def read_contact_email(text: str) -> str | None:
    """An e-mail address as contacts have it, in small letters: people, forms and mails write the same one in many
    ways. None when it is none."""
    found = read_email(text)
    return found.lower() if found else None


def read_place(text: str) -> Value:
    """A place as {"latitude", "longitude"} in degrees; None when there is none in the text."""
    found = _PLACE.fullmatch(text.strip())
    if not found:
        return None
    latitude, longitude = (Decimal(degrees) for degrees in found.groups() if degrees is not None)
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return {"latitude": latitude, "longitude": longitude}
