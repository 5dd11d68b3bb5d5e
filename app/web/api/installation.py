"""The API's installation: its own name, zone, language and country, and what happens when nothing else can."""

import json
import re
from typing import Any, Final, TypedDict

from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.desk.local_time import zone_named
from app.errors import Invalid
from app.models import Installation, Queue
from app.web.api.answers import Instant
from app.web.api.doors import COUNTRY, NAME, Asked, Noun, fields, text
from flows.form import LANGUAGE_PATTERN
from flows.values import canonical_json

noun = Noun("installation", Right.READ_SETTINGS, Right.EDIT_SETTINGS)


class InstallationData(TypedDict):
    """The installation's own settings."""

    name: str
    zone: str
    language: str
    country: str
    apology: dict[str, str]
    fallback_queue: str
    created_at: Instant


_LANGUAGE: Final = {
    "type": "string",
    "pattern": LANGUAGE_PATTERN,
    "x-says": 'a language code such as "en" or "pt-BR"',
}
_CODE: Final = re.compile(LANGUAGE_PATTERN[:-1] + r"\Z")
_CHANGES: Final = {
    "name": NAME,
    "zone": text(80, 1),
    "language": _LANGUAGE,
    "country": COUNTRY,
    "apology": {
        "type": "object",
        "additionalProperties": text(1_000, 1),
        "minProperties": 1,
        "maxProperties": 50,
    },
    "fallback_queue": text(40, 1),
}


@noun.get("/installation")
def read_installation(asked: Asked) -> InstallationData:
    """The installation's own settings."""
    with asked.house.database.reading() as session:
        return _shown(session.get_one(Installation, 1))


@noun.patch("/installation", fields(_CHANGES))
def change_installation(asked: Asked) -> InstallationData:
    """Changes what is named; `apology` as a whole. A second later it is in force everywhere.

    `zone` counts where a contact has none, and for schedules; `country` reads the national telephone numbers of new
    numbers and contacts that name none; `fallback_queue` gets what no flow answers, after the `apology`.
    """
    with asked.house.database.transaction() as session:
        row = session.scalars(select(Installation).where(Installation.id == 1).with_for_update()).one()
        before = dict(_shown(row))
        for name, value in asked.body.items():
            setattr(row, name, canonical_json(value) if name == "apology" else value)
        _hold(session, row, set(asked.body))
        after = dict(_shown(row))
        changed = [f"{name}: {_written(after[name])}" for name in _CHANGES if after[name] != before[name]]
        note_act(session, asked.who, "change_installation", "; ".join(changed)[:1_000] or "nothing")
        return _shown(row)


def _hold(session: Session, row: Installation, given: set[str]) -> None:
    """Raises: Invalid with a sentence for each fault of what is given."""
    faults = []
    if "name" in given and not row.name.strip():
        faults.append(("name", "The installation needs a name: customers see it over chats and forms without a title."))
    if "zone" in given and zone_named(row.zone) is None:
        faults.append(("zone", f"“{row.zone}” is no time zone: write one such as Europe/Warsaw."))
    if "country" in given and row.country and row.country not in SUPPORTED_REGIONS:
        faults.append(("country", f"“{row.country}” is no country: write two letters such as PL."))
    if "fallback_queue" in given:
        queue = select(Queue.id).where(Queue.name == row.fallback_queue)
        if session.scalar(queue) is None:
            sentence = f"There is no queue “{row.fallback_queue}”: GET /api/v1/queues lists them."
            faults.append(("fallback_queue", sentence))
    apology: dict[str, str] = json.loads(row.apology)
    if odd := [language for language in apology if not _CODE.match(language)]:
        faults.append(("apology", f"“{odd[0][:40]}” is no language code: write one such as en or pl."))
    elif empty := [language for language, words in apology.items() if not words.strip()]:
        faults.append(("apology", f"The apology in “{empty[0]}” says nothing: write it, or leave the language out."))
    elif given & {"apology", "language"} and row.language not in apology:
        sentence = f"The apology has no text in “{row.language}”, the installation's language: add one."
        faults.append(("apology", sentence))
    if faults:
        details = [{"path": path, "sentence": sentence} for path, sentence in faults]
        raise Invalid(" ".join(sentence for _, sentence in faults), "bad_body", {"faults": details})


def _shown(row: Installation) -> InstallationData:
    return {
        "name": row.name,
        "zone": row.zone,
        "language": row.language,
        "country": row.country,
        "apology": json.loads(row.apology),
        "fallback_queue": row.fallback_queue,
        "created_at": row.created_at.isoformat(),
    }


def _written(value: Any) -> str:
    return ", ".join(sorted(value)) if isinstance(value, dict) else str(value)
