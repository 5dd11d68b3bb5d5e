"""What people see of flows beside their drawing: who saved the draft and when, what is published and answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import FlowRow, LiveNumber, Number, Revision, Version
from app.web.api.answers import Instant
from flows.check.finding import Finding, Severity

Author = Annotated[str, "An e-mail address or a token's name; else what did it, such as “first start”."]
NumberNames = Annotated[list[str], "Names of numbers."]


class FindingData(TypedDict):
    """One thing wrong with a flow; a blocking one prevents publishing."""

    code: str
    severity: Severity
    step: Annotated[str, "The step's id; empty for the flow itself."]
    field: Annotated[str, "A place in the step's settings, “exits.” and an exit's id, “type”, or a key of the flow."]
    sentence: str
    mend: Annotated[str, "What to do about it."]


class ExitData(TypedDict):
    """A named way out of a step; `title` is what the canvas shows."""

    id: str
    title: str


class FlowNameData(TypedDict):
    """A flow, by its name and its latest or another revision."""

    id: int
    name: str
    revision: int


class FlowSavedData(TypedDict):
    """Who saved a revision, and when."""

    author: Author
    saved_at: Instant


class PublishedVersionData(TypedDict):
    """A flow's latest version, and the revision of the draft that it froze."""

    version: int
    revision: int
    author: Author
    published_at: Instant


class FlowStandingData(TypedDict):
    """What is published of a flow: its latest version or null, and the numbers that any version of it answers."""

    published: PublishedVersionData | None
    answers: NumberNames


class FlowData(FlowNameData, FlowSavedData, FlowStandingData):
    """A flow in a list; `revision` is its latest."""

    created_at: Instant


def flows_data(session: Session, rows: Sequence[FlowRow]) -> list[FlowData]:
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


def finding_data(finding: Finding) -> FindingData:
    """A finding as plain data."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "step": finding.step,
        "field": finding.field,
        "sentence": finding.sentence,
        "mend": finding.mend,
    }


def published_data(session: Session, ids: Iterable[int]) -> Mapping[int, FlowStandingData]:
    """What is published of each flow, by its id."""
    ids = list(ids)
    found: dict[int, FlowStandingData] = {id_: {"published": None, "answers": []} for id_ in ids}
    latest = select(func.max(Version.id)).where(Version.flow_id.in_(ids)).group_by(Version.flow_id)
    columns = (Version.flow_id, Version.number, Version.revision_number, Version.author, Version.created_at)
    for id_, number, revision, author, at in session.execute(select(*columns).where(Version.id.in_(latest))):
        found[id_]["published"] = {
            "version": number,
            "revision": revision,
            "author": author,
            "published_at": at.isoformat(),
        }
    live = select(LiveNumber.flow_id, Number.name).join(Number, Number.id == LiveNumber.number_id).distinct()
    for id_, name in session.execute(live.where(LiveNumber.flow_id.in_(ids)).order_by(Number.name)):
        found[id_]["answers"].append(name)
    return found


def _saved(session: Session, ids: Sequence[int]) -> Mapping[int, FlowSavedData]:
    """Who saved the latest revision of each, and when."""
    query = select(FlowRow.id, Revision.author, Revision.created_at).join(
        Revision, (Revision.flow_id == FlowRow.id) & (Revision.number == FlowRow.latest_revision)
    )
    return {
        id_: {"author": author, "saved_at": at.isoformat()}
        for id_, author, at in session.execute(query.where(FlowRow.id.in_(ids)))
    }
