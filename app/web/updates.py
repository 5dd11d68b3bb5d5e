"""Event streams: a page asks for a 60-second ticket and opens /updates with it; new messages and states follow.

A stream is a greenlet that looks when Redis says that something changed, else each second, and holds no database
connection while it waits. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from app.db import Database, now
from app.sealing import SecretKey
from app.web import changes
from app.web.chat_feed import Place, Seen, look
from app.web.refusals import UNAVAILABLE, Refusal
from app.web.this_house import this_house

blueprint = Blueprint("updates", __name__)

TICKET_LIFETIME: Final = timedelta(seconds=60)
_PURPOSE: Final = "updates-ticket"
_LOOK_SECONDS: Final = 1.0  # Redis may be away
_QUIET_LOOKS: Final = 3  # after so many looks without news …
_QUIET_SECONDS: Final = 5.0  # … announcements are relied on: 300 idle streams then cost half the processor time
_KEEP_ALIVE_SECONDS: Final = 15.0  # proxies close what is silent for 30 or 60 s
_LONGEST_STREAM_SECONDS: Final = 1800.0  # the page comes back with a new ticket: so a token that ended ends its streams
_LARGEST_ID: Final = 2**62


class Changes(Protocol):
    """What tells that a conversation changed (app.lanes.Lanes)."""

    def hears(self) -> bool:
        """Whether announcements are heard at all."""
        ...

    def heard(self) -> int:
        """The number of the latest announcement."""
        ...

    def wait(self, conversation_id: int, timeout_seconds: float, since: int) -> bool:
        """Until the conversation changed after the announcement `since`, or the time is over."""
        ...


@dataclass(frozen=True)
class Stream:
    """What one stream needs; it outlives the request."""

    database: Database
    changes: Changes
    key: SecretKey
    place: Place
    after: int

    def events(self) -> Iterator[str]:
        """The stream itself, in the form of text/event-stream."""
        shown: dict[int, Mapping[str, Any]] = {}
        conversation: Mapping[str, Any] = {}
        last = self.after
        ends_at = time.monotonic() + _LONGEST_STREAM_SECONDS
        beat_at = 0.0
        conversation_id = quiet_looks = 0
        yield "retry: 2000\n\n"
        while time.monotonic() < ends_at:
            heard = self.changes.heard()  # before the look, so that no announcement falls between it and the wait
            seen = self._look(last)
            quiet_looks += 1
            if seen is not None:
                for message in seen.messages:
                    if shown.get(message["id"]) != message:
                        last, quiet_looks = max(last, message["id"]), 0
                        yield _event("message", message, last)
                shown = {message["id"]: message for message in seen.messages}
                if conversation != seen.conversation:
                    conversation, quiet_looks = seen.conversation, 0
                    yield _event("conversation", conversation)
                    beat_at = time.monotonic() + _KEEP_ALIVE_SECONDS
                conversation_id = seen.conversation_id
            if time.monotonic() >= beat_at:
                yield ": still here\nevent: beat\ndata: 0\n\n"  # a page cannot see a comment, and must notice silence
                beat_at = time.monotonic() + _KEEP_ALIVE_SECONDS
            is_quiet = quiet_looks > _QUIET_LOOKS and self.changes.hears()
            if self.changes.wait(conversation_id, _QUIET_SECONDS if is_quiet else _LOOK_SECONDS, heard):
                quiet_looks = 0

    def _look(self, last: int) -> Seen | None:
        """None while the database is away: the page keeps its stream, and the next look may succeed."""
        try:
            with self.database.reading() as session:
                return look(session, self.key, self.place, after=last)
        except UNAVAILABLE:
            return None


def new_ticket(session: Session, key: SecretKey, place: Place) -> str:
    """What opens a stream for 60 seconds; EventSource cannot send a token in a header."""
    expires = int((now(session) + TICKET_LIFETIME).timestamp())
    data = json.dumps([place.number_id, place.kind, place.address, expires], separators=(",", ":")).encode()
    encoded = base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
    return f"{encoded}.{key.sign(_PURPOSE, encoded.encode())}"


@blueprint.get("/updates")
def updates() -> Response:
    """The stream of one ticket, from the Last-Event-ID on."""
    house = this_house()
    ticket = request.args.get("ticket", "")
    after = request.headers.get("Last-Event-ID") or request.args.get("after") or "0"
    position = min(int(after), _LARGEST_ID) if after.isascii() and after.isdecimal() and len(after) < 20 else 0
    with house.database.reading() as session:
        if ticket.startswith(changes.TICKET):
            who = changes.read_ticket(house.key, ticket, now(session))
            return _streamed(changes.stream(house.database, position, who))
        place = _read_ticket(house.key, ticket, now(session))
    return _streamed(Stream(house.database, house.lanes, house.key, place, position).events())


def _streamed(events: Iterator[str]) -> Response:
    # X-Accel-Buffering: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
    return Response(events, mimetype="text/event-stream", headers=headers)


def _read_ticket(key: SecretKey, ticket: str, present: datetime) -> Place:
    encoded, _, signature = ticket.partition(".")
    if not key.verify(_PURPOSE, encoded.encode("utf-8", "replace"), signature):
        raise _ticket_refused()
    number_id, kind, address, expires = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    if present >= datetime.fromtimestamp(expires, UTC):
        raise _ticket_refused()
    return Place(number_id, kind, address)


def _ticket_refused() -> Refusal:
    sentence = "This address was valid for one minute: ask for a new ticket and open the stream again."
    return Refusal(403, "ticket_refused", sentence)


def _event(name: str, data: Mapping[str, Any], event_id: int = 0) -> str:
    identified = f"id: {event_id}\n" if event_id else ""
    return f"event: {name}\n{identified}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
