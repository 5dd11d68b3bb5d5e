"""The stream of what changed in the installation: its tickets and its events."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.accounts.standing import rights_now
from app.db import Database, now, to_microseconds
from app.sealing import SealBroken, SecretKey
from app.web.api.change_views import Listed, changes_after
from app.web.refusals import UNAVAILABLE, Refusal

TICKET: Final = "changes."  # what tickets of this stream begin with
_PURPOSE: Final = "changes-ticket"
_LIFETIME: Final = timedelta(seconds=60)
_LOOK_SECONDS: Final = 1.0
_KEEP_ALIVE_SECONDS: Final = 15.0  # proxies close what is silent for 30 or 60 s
_LONGEST_SECONDS: Final = 1800.0  # the page comes back with a new ticket: so who signed out sees no more
_MOST: Final = 200


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
                listed = changes_after(session, since, _MOST, with_problems=with_problems)
        except UNAVAILABLE:  # the page keeps its stream, and the next look may succeed
            listed = Listed([], place)
        place = listed.place
        if listed.items:
            told = json.dumps(listed.items, ensure_ascii=False, separators=(",", ":"))
            yield f"event: changes\nid: {place}\ndata: {told}\n\n"
        if time.monotonic() >= beat_at:
            yield ": still here\nevent: beat\ndata: 0\n\n"
            beat_at = time.monotonic() + _KEEP_ALIVE_SECONDS
        time.sleep(_LOOK_SECONDS)
