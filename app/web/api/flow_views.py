"""What people see of flows beside their drawing: who saved the draft and when, what is published and answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import FlowRow, LiveNumber, Number, Revision, Version


def flows_data(session: Session, rows: Sequence[FlowRow]) -> list[dict[str, Any]]:
    """Flows in a list. A draft whose `revision` is not the published one's has changes that nobody runs yet."""
    ids = [row.id for row in rows]
    standing, saved = published_data(session, ids), _saved(session, ids)
    return [
        {
            "id": row.id,
            "name": row.name,
            "revision": row.latest_revision,
            **saved[row.id],
            **standing[row.id],
            "created_at": row.created_at.isoformat(),
        }
        for row in rows
    ]


def published_data(session: Session, ids: Iterable[int]) -> Mapping[int, dict[str, Any]]:
    """Of each flow: `published`, its latest version or null, and `answers`, the numbers that any version of it does."""
    ids = list(ids)
    found: dict[int, dict[str, Any]] = {id_: {"published": None, "answers": []} for id_ in ids}
    latest = select(func.max(Version.id)).where(Version.flow_id.in_(ids)).group_by(Version.flow_id)
    columns = (Version.flow_id, Version.number, Version.revision_number, Version.author, Version.created_at)
    for id_, number, revision, author, at in session.execute(select(*columns).where(Version.id.in_(latest))):
        told = {"version": number, "revision": revision, "author": author, "published_at": at.isoformat()}
        found[id_]["published"] = told
    live = select(LiveNumber.flow_id, Number.name).join(Number, Number.id == LiveNumber.number_id).distinct()
    for id_, name in session.execute(live.where(LiveNumber.flow_id.in_(ids)).order_by(Number.name)):
        found[id_]["answers"].append(name)
    return found


def _saved(session: Session, ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
    """Who saved the latest revision of each, and when."""
    query = select(FlowRow.id, Revision.author, Revision.created_at).join(
        Revision, (Revision.flow_id == FlowRow.id) & (Revision.number == FlowRow.latest_revision)
    )
    return {
        id_: {"author": author, "saved_at": at.isoformat()}
        for id_, author, at in session.execute(query.where(FlowRow.id.in_(ids)))
    }
