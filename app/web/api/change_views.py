"""What changed in the installation, in order: drafts, versions and problems, each once."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import from_microseconds, now, to_microseconds
from app.models import FlowRow, Problem, Revision, Version
from app.web.api.answers import Instant

_SETTLED: Final = timedelta(seconds=2)  # what commits late has an earlier instant than what was listed before


class DraftChangeData(TypedDict):
    """Somebody saved a draft."""

    at: Instant
    kind: Literal["draft_saved"]
    flow: str
    revision: int
    by: str


class VersionChangeData(TypedDict):
    """Somebody published a version."""

    at: Instant
    kind: Literal["published"]
    flow: str
    version: int
    by: str


class ProblemChangeData(TypedDict):
    """A problem happened: `problem` is its id, `error` the kind of error."""

    at: Instant
    kind: Literal["problem"]
    problem: int
    run: int | None
    step: Annotated[str, "Empty outside of all steps."]
    error: str


ChangeData = DraftChangeData | VersionChangeData | ProblemChangeData
Change = tuple[datetime, ChangeData]


@dataclass(frozen=True)
class Listed:
    """Some changes, the oldest first, and the place to go on from: microseconds of the last one's instant."""

    items: list[ChangeData]
    place: int


def changes_after(session: Session, after: int, most: int, *, with_problems: bool) -> Listed:
    """What changed after a place, two seconds after it happened at the earliest."""
    since, before = from_microseconds(after), now(session) - _SETTLED
    sources = [_drafts, _versions, *([_problems] if with_problems else [])]
    found = list(heapq.merge(*(one(session, since, before, most + 1) for one in sources), key=lambda one: one[0]))
    shown = found[:most]
    while len(found) > len(shown) > 1 and found[len(shown)][0] == shown[-1][0]:  # one instant is not cut in two
        shown.pop()
    place = to_microseconds(shown[-1][0]) if shown else after
    return Listed([told for _, told in shown], place)


def _drafts(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Revision.created_at, FlowRow.name, Revision.number, Revision.author)
    query = query.join(FlowRow, FlowRow.id == Revision.flow_id)
    query = query.where(Revision.created_at > after, Revision.created_at <= before)
    for at, flow, number, author in session.execute(query.order_by(Revision.created_at).limit(most)):
        yield at, {"at": at.isoformat(), "kind": "draft_saved", "flow": flow, "revision": number, "by": author}


def _versions(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Version.created_at, FlowRow.name, Version.number, Version.author)
    query = query.join(FlowRow, FlowRow.id == Version.flow_id)
    query = query.where(Version.created_at > after, Version.created_at <= before)
    for at, flow, number, author in session.execute(query.order_by(Version.created_at).limit(most)):
        yield at, {"at": at.isoformat(), "kind": "published", "flow": flow, "version": number, "by": author}


def _problems(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Problem).where(Problem.created_at > after, Problem.created_at <= before)
    for row in session.scalars(query.order_by(Problem.created_at).limit(most)):
        told: ProblemChangeData = {
            "at": row.created_at.isoformat(),
            "kind": "problem",
            "problem": row.id,
            "run": row.run_id,
            "step": row.step,
            "error": row.kind,
        }
        yield row.created_at, told
