"""Reads what is slow to read before the first message needs it: dictionaries of base forms."""

import json
import logging

from sqlalchemy import text

from app.db import Database
from flows.phrases import prepare_language

logger = logging.getLogger("patchbay.warming")

# Only flows that match words in any form need a dictionary; reading one takes one or two seconds.
_LIVE = text(
    "SELECT DISTINCT v.document FROM versions v JOIN live_numbers n ON n.version_id = v.id"
    " WHERE v.document LIKE '%\"inflected\"%'"
)


def warm(database: Database) -> None:
    """Prepares the languages of the live flows that need it."""
    with database.reading() as session:
        documents = list(session.execute(_LIVE).scalars())
    languages = sorted({language for document in documents for language in json.loads(document)["languages"]})
    for language in languages:
        prepare_language(language)
    if languages:
        logger.info("Dictionaries are ready: %s.", ", ".join(languages))
