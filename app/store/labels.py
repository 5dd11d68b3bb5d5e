"""Labels of conversations: what flows say they are about and how they went, written with the turn that says so.

Each conversation's row is locked already, by the fence of its turn (RELIABILITY §2), so tags are added to what stands
there and two turns lose none.
"""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.handled import Handled
from flows.values import canonical_json

_MOST_TAGS = 100  # of a conversation that flows label again and again; the latest are kept
_READ = text("SELECT category, tags, result FROM conversations WHERE id = :id")
_WRITE = text("UPDATE conversations SET category = :category, tags = :tags, result = :result WHERE id = :id")


def write(session: Session, group: Sequence[Handled]) -> None:
    """Writes the labels of those that have new ones."""
    for one in group:
        if one.labels:
            row = session.execute(_READ, {"id": one.conversation_id}).one()
            category, tags, result = row.category, json.loads(row.tags), row.result
            for label in one.labels:
                category, result = label.category or category, label.result or result
                tags = [*(tag for tag in tags if tag not in label.tags), *label.tags]
            values = {"category": category, "tags": canonical_json(tags[-_MOST_TAGS:]), "result": result}
            session.execute(_WRITE, {**values, "id": one.conversation_id})
