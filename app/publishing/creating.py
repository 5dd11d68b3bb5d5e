"""What an import makes because a flow names it and it is missing here: as its own door of the API would make it.

What belongs to an account elsewhere (numbers, connections), and what is content (files, flows), is none of it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.credentials import CredentialRefused, read_credential, seal_credential
from app.db import now
from app.desk.calendar_definition import calendar_of, refuse_never_open
from app.desk.calendar_shape import DEFINITION, definition_of
from app.errors import Invalid
from app.house import House
from app.models import CalendarRow, Constant, CredentialRow, Queue, Segment
from flows import form
from flows.values import NotJson, TooLarge, canonical_json, encode, from_plain, in_one_line

Given = Mapping[str, Any]
_SLUG: Final = re.compile("[a-z][a-z0-9_-]{0,39}")
_CONSTANT: Final = re.compile("[a-z][a-z0-9_]{0,39}")
_LONGEST_TITLE: Final = 80
_CALENDAR: Final = {
    "type": "object",
    "title": "the calendar",
    "additionalProperties": False,
    "properties": {"title": {"type": "string"}, **DEFINITION},
    "required": ["zone"],
}


@dataclass(frozen=True)
class Making:
    """One thing that is to be made: its name, and what was given for it."""

    house: House
    author: str
    name: str
    given: Given


def create(session: Session, kind: str, making: Making) -> None:
    """Makes a thing of one of the CREATABLE kinds.

    Raises: Invalid, app.credentials.CredentialRefused; both name the thing, and the place of each fault in the import.
    """
    place = f"needs.{kind}s.{making.name[:80]}.create"
    try:
        if not (_CONSTANT if kind == "constant" else _SLUG).fullmatch(making.name):
            raise Invalid(f"A {kind} cannot be called “{making.name[:80]}”: rename it in the file.", "bad_name")
        _MAKERS[kind](session, making)
    except Invalid as problem:
        known = problem.details.get("faults") or [{"path": "", "sentence": problem.sentence}]
        faults = [{**fault, "path": f"{place}.{fault['path']}".rstrip(".")} for fault in known]
        raise Invalid(_named(kind, making.name, problem.sentence), problem.code, {"faults": faults}) from None
    except CredentialRefused as problem:
        places = [(f"{place}.{path}", sentence) for path, sentence in problem.faults]
        raise CredentialRefused(_named(kind, making.name, str(problem)), places) from None
    session.flush()


def _named(kind: str, name: str, sentence: str) -> str:
    """The sentence, which of several things of a kind it is about."""
    return sentence if f"“{name[:80]}”" in sentence else f"The {kind} “{name[:80]}”: {sentence}"


def _credential(session: Session, making: Making) -> None:
    name, given = making.name, making.given
    if set(given) != {"kind", "origins", "secret"}:
        raise Invalid(
            f"The credential “{name}” needs its kind, its origins and its secret: fill them in.", "secret_needed"
        )
    read = read_credential(name, str(given["kind"]), _texts(given["origins"]), _secret(given["secret"]))
    at = now(session)
    row = CredentialRow(name=read.name, created_at=at, changed_at=at, kind=read.kind)
    row.origins, row.sealed = canonical_json(list(read.origins)), seal_credential(making.house.key, read)
    session.add(row)
    note_act(session, making.author, "create_credential", f"{read.name} for {', '.join(read.origins)}")


def _queue(session: Session, making: Making) -> None:
    session.add(Queue(name=making.name, title=_title("queue", making.name, making.given), created_at=now(session)))


def _segment(session: Session, making: Making) -> None:
    title = _title("segment", making.name, making.given)
    session.add(Segment(name=making.name, title=title, created_at=now(session)))


def _calendar(session: Session, making: Making) -> None:
    name, given = making.name, making.given
    if faults := form.validate(_CALENDAR, dict(given)):
        sentence = " ".join(fault.sentence for fault in faults[:3])
        details = {"faults": [{"path": fault.path, "sentence": fault.sentence} for fault in faults[:50]]}
        raise Invalid(f"The calendar “{name}” cannot be made like this. {sentence}", "bad_calendar", details)
    at, definition = now(session), definition_of(given)
    refuse_never_open(calendar_of(definition), at)
    title = _title("calendar", name, {key: value for key, value in given.items() if key == "title"})
    row = CalendarRow(name=name, title=title, switched_to="", switch_note="", created_at=at)
    row.definition = canonical_json(definition)
    session.add(row)
    note_act(session, making.author, "create_calendar", name)


def _constant(session: Session, making: Making) -> None:
    name, given, most = making.name, making.given, making.house.limits.variable_bytes
    if set(given) != {"value"}:
        raise Invalid(f"The constant “{name}” needs a value: fill it in.", "bad_value")
    try:
        value = canonical_json(encode(from_plain(given["value"])))
    except (NotJson, TooLarge, ValueError) as problem:
        raise Invalid(f"The value of the constant “{name}” cannot be kept: {problem}", "bad_value") from None
    if len(value.encode()) > most:
        raise Invalid(f"A constant may have {most >> 10} KiB.", "too_large")
    session.add(Constant(name=name, value=value, changed_at=now(session)))


def _title(kind: str, name: str, given: Given) -> str:
    title = given.get("title") or name
    if set(given) - {"title"} or not isinstance(title, str):
        raise Invalid(f"The {kind} “{name}” is made with a title and nothing else.", "bad_value")
    if len(title) > _LONGEST_TITLE or in_one_line(title) != title:
        raise Invalid(f"The title of the {kind} “{name}” needs to be one line of at most 80 characters.", "bad_value")
    return title


def _texts(found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Invalid("The origins of a credential are a list of addresses.", "bad_value")
    return found


def _secret(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(one, str) and len(one) <= 8_192 for one in found.values()):
        raise Invalid("The secret of a credential is an object of texts.", "bad_value")
    return found


_MAKERS: Final[Mapping[str, Callable[[Session, Making], None]]] = {
    "credential": _credential,
    "queue": _queue,
    "calendar": _calendar,
    "constant": _constant,
    "segment": _segment,
}
CREATABLE: Final = tuple(_MAKERS)
