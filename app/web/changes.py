"""What changed in the installation, in order: drafts, versions and problems, each once; as pages and as a stream."""

import base64
import heapq
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.accounts.standing import rights_now
from app.db import Database, from_microseconds, now, to_microseconds
from app.models import FlowRow, Problem, Revision, Version
from app.sealing import SealBroken, SecretKey
from app.web.refusals import UNAVAILABLE, Refusal

TICKET: Final = "changes."  # what tickets of this stream begin with
_PURPOSE: Final = "changes-ticket"
_LIFETIME: Final = timedelta(seconds=60)
_SETTLED: Final = timedelta(seconds=2)  # what commits late has an earlier instant than what was listed before
_LOOK_SECONDS: Final = 1.0
_KEEP_ALIVE_SECONDS: Final = 15.0  # proxies close what is silent for 30 or 60 s
_LONGEST_SECONDS: Final = 1800.0  # the page comes back with a new ticket: so who signed out sees no more
_MOST: Final = 200

Change = tuple[datetime, dict[str, Any]]


@dataclass(frozen=True)
class Listed:
    """Some changes, the oldest first, and the place to go on from: microseconds of the last one's instant."""

    items: Sequence[dict[str, Any]]
    place: int


def changes(session: Session, after: int, most: int, *, with_problems: bool) -> Listed:
    """What changed after a place, two seconds after it happened at the earliest."""
    since, before = from_microseconds(after), now(session) - _SETTLED
    sources = [_drafts, _versions, *([_problems] if with_problems else [])]
    found = list(heapq.merge(*(one(session, since, before, most + 1) for one in sources), key=lambda one: one[0]))
    shown = found[:most]
    while len(found) > len(shown) > 1 and found[len(shown)][0] == shown[-1][0]:  # one instant is not cut in two
        shown.pop()
    place = to_microseconds(shown[-1][0]) if shown else after
    return Listed([{"at": at.isoformat(), **told} for at, told in shown], place)


def new_ticket(session: Session, key: SecretKey, who: str) -> str:
    """What opens a stream of changes for 60 seconds; EventSource cannot send a token in a header. `who`: a caller's.

    Sealed, since it stands in an address, which proxies log: nobody reads there who it is.
    """
    data = json.dumps([who, int((now(session) + _LIFETIME).timestamp())]).encode()
    return TICKET + base64.urlsafe_b64encode(key.seal(_PURPOSE, data)).rstrip(b"=").decode("ascii")


def read_ticket(key: SecretKey, ticket: str, present: datetime) -> str:
    """Whose ticket it is. Raises: Refusal (403)."""
    encoded = ticket.removeprefix(TICKET)
    refusal = Refusal(
        403, "ticket_refused", "This address was valid for one minute: ask for a new ticket and open the stream again."
    )
    try:
        who, expires = json.loads(key.open(_PURPOSE, base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))
    except (SealBroken, ValueError):  # ValueError: no base64
        raise refusal from None
    if present >= datetime.fromtimestamp(expires, UTC):
        raise refusal
    return str(who)


def stream(database: Database, after: int, who: str) -> Iterator[str]:
    """The changes as text/event-stream; each event's id is the place to go on from.

    It ends as soon as `who` may read flows no more, and shows problems as long as `who` may read runs.
    """
    ends_at, beat_at, place = time.monotonic() + _LONGEST_SECONDS, 0.0, after
    yield "retry: 2000\n\n"
    while time.monotonic() < ends_at:
        try:
            with database.reading() as session:
                rights = rights_now(session, who)
                if Right.READ_FLOWS not in rights:
                    return
                since, with_problems = place or to_microseconds(now(session)), Right.READ_RUNS in rights
                listed = changes(session, since, _MOST, with_problems=with_problems)
        except UNAVAILABLE:  # the page keeps its stream, and the next look may succeed
            listed = Listed((), place)
        place = listed.place
        if listed.items:
            told = json.dumps(list(listed.items), ensure_ascii=False, separators=(",", ":"))
            yield f"event: changes\nid: {place}\ndata: {told}\n\n"
        if time.monotonic() >= beat_at:
            yield ": still here\nevent: beat\ndata: 0\n\n"
            beat_at = time.monotonic() + _KEEP_ALIVE_SECONDS
        time.sleep(_LOOK_SECONDS)


def _drafts(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Revision.created_at, FlowRow.name, Revision.number, Revision.author)
    query = query.join(FlowRow, FlowRow.id == Revision.flow_id)
    query = query.where(Revision.created_at > after, Revision.created_at <= before)
    for at, flow, number, author in session.execute(query.order_by(Revision.created_at).limit(most)):
        yield at, {"kind": "draft_saved", "flow": flow, "revision": number, "by": author}


def _versions(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Version.created_at, FlowRow.name, Version.number, Version.author)
    query = query.join(FlowRow, FlowRow.id == Version.flow_id)
    query = query.where(Version.created_at > after, Version.created_at <= before)
    for at, flow, number, author in session.execute(query.order_by(Version.created_at).limit(most)):
        yield at, {"kind": "published", "flow": flow, "version": number, "by": author}


def _problems(session: Session, after: datetime, before: datetime, most: int) -> Iterator[Change]:
    query = select(Problem).where(Problem.created_at > after, Problem.created_at <= before)
    for row in session.scalars(query.order_by(Problem.created_at).limit(most)):
        told = {"kind": "problem", "problem": row.id, "run": row.run_id, "step": row.step, "error": row.kind}
        yield row.created_at, told
