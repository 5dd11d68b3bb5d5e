"""Reads what is slow to read before the first message needs it: dictionaries of base forms."""

import json
import logging
from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from app.db import Database
from flows.phrases import prepare_language

logger = logging.getLogger("patchbay.warming")

# Only flows that match words in any form need a dictionary; reading one takes one or two seconds.
# Flows that others run answer no number: of those the latest version counts.
_LIVE = text(
    "SELECT v.document FROM versions v WHERE v.document LIKE '%\"inflected\"%'"
    " AND (v.id IN (SELECT n.version_id FROM live_numbers n)"
    " OR (v.document LIKE '%\"called_by_flow\"%'"
    " AND v.number = (SELECT max(o.number) FROM versions o WHERE o.flow_id = v.flow_id)))"
)


def warm(database: Database) -> None:
    """Prepares the languages of the live flows that need it."""
    with database.reading() as session:
        documents = list(session.execute(_LIVE).scalars())
    languages = sorted({language for document in documents for language in _languages(json.loads(document))})
    for language in languages:
        prepare_language(language)
    if languages:
        logger.info("Dictionaries are ready: %s.", ", ".join(languages))


def _languages(document: dict[str, Any]) -> Iterator[str]:
    """Those of the flow, and those that a step names for its words."""
    yield from document["languages"]
    parts: list[Any] = [document["steps"]]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            language = part.get("language")
            if isinstance(language, str) and language and part.get("mode") == "inflected":
                yield language
            parts += part.values()
        elif isinstance(part, list):
            parts += part
