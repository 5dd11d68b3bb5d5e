"""The world outside, in virtual time: the provider whose log is the oracle, and the customers' API.

What it plays: https://www.twilio.com/docs/messaging/api/message-resource. A request that has left arrives, whatever
becomes of the process that sent it.
"""

import email.utils
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from app.outgoing import ConnectionLost, NotConnected, OutgoingAnswer, OutgoingError, OutgoingRequest, TimedOut
from tests.faults.simulation.places import API_URL, BEGINNING
from tests.faults.simulation.scheduler import Scheduler

LIST_LAG_SECONDS: Final = 5.0  # a message shows in the list only then: who looks too early and believes it sends twice
_TROUBLES: Final = ("refused", "cut before", "cut after", "500 before", "500 after", "429", "slow")
TIERS: Final = ("platinum", "gold", "gold", "none")

Answer = OutgoingAnswer | OutgoingError


@dataclass(frozen=True)
class Taken:
    """A message that the provider has."""

    at: float  # seconds since the world began
    sid: str
    to: str
    body: str
    key: str
    callback: str


@dataclass
class Outside:
    """Both doubles. `troubles_left`: so many requests may still go wrong."""

    scheduler: Scheduler
    has_keys: bool
    trouble: float
    troubles_left: int
    tell: Callable[[Taken], None]  # the states of a message
    taken: list[Taken] = field(default_factory=list)
    visits: list[Mapping[str, str]] = field(default_factory=list)
    under_way: int = 0
    _by_key: dict[str, Taken] = field(default_factory=dict)
    _by_contact: dict[str, list[Taken]] = field(default_factory=lambda: defaultdict(list))

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """What the product's guarded client does. Raises: OutgoingError."""
        scheduler, me = self.scheduler, self.scheduler.current
        answers: list[Answer] = []
        trouble = self._trouble()
        if trouble == "refused":
            scheduler.pause(self._seconds())
            raise NotConnected("The host cannot be reached.", may_have_arrived=False)

        def arrive() -> None:
            answer = self._answer(request, trouble)
            seconds = self._seconds() + (scheduler.random.uniform(1, 25) if trouble == "slow" else 0)
            scheduler.later(seconds, lambda: come_back(answer))

        def come_back(answer: Answer) -> None:
            self.under_way -= 1
            answers.append(answer)
            scheduler.wake(me)

        self.under_way += 1
        scheduler.later(self._seconds(), arrive)
        scheduler.wait(request.timeout_seconds)
        if not answers:
            raise TimedOut("The answer took too long.", may_have_arrived=True)
        if isinstance(answers[0], OutgoingError):
            raise answers[0]
        return answers[0]

    def _seconds(self) -> float:
        return self.scheduler.random.choice((0.001, 0.01, 0.03, 0.2))

    def _trouble(self) -> str:
        if self.troubles_left <= 0 or self.scheduler.random.random() >= self.trouble:
            return ""
        self.troubles_left -= 1
        return self.scheduler.random.choice(_TROUBLES)

    def _answer(self, request: OutgoingRequest, trouble: str) -> Answer:
        self.scheduler.note(f"outside {request.method} {urlsplit(request.url).path} {trouble}")
        match trouble:
            case "cut before":
                return ConnectionLost("It was cut.", may_have_arrived=True, answer_began=False)
            case "500 before":
                return _said(500, b"{}")
            case "429":
                return _said(429, b'{"code": 20429, "message": "Too many requests"}', {"retry-after": "1"})
        answer = self._customers(request) if request.url.startswith(API_URL) else self._messages(request)
        if trouble == "cut after":
            return ConnectionLost("It was cut.", may_have_arrived=True, answer_began=False)
        return _said(500, b"{}") if trouble == "500 after" else answer

    def _customers(self, request: OutgoingRequest) -> Answer:
        if request.method == "POST":
            visit = json.loads(request.body or b"{}")
            self.visits.append({**visit, "freely": "yes" if request.url.endswith("/freely") else ""})
            return _said(201, b"{}")
        return _said(200, json.dumps({"status": self.scheduler.random.choice(TIERS)}).encode())

    def _messages(self, request: OutgoingRequest) -> Answer:
        if request.method == "GET":
            return self._listed(dict(parse_qsl(urlsplit(request.url).query)))
        form, key = dict(parse_qsl((request.body or b"").decode())), request.headers.get("Idempotency-Key", "")
        taken = self._by_key.get(key) if self.has_keys else None
        if taken is None:
            sid = f"SM{len(self.taken) + 1:032d}"
            taken = Taken(self.scheduler.monotonic(), sid, form["To"], form["Body"], key, form["StatusCallback"])
            self.taken.append(taken)
            self._by_key[key] = taken
            self._by_contact[taken.to].append(taken)
            self.scheduler.note(f"taken {taken.to} {taken.body}")
            self.tell(taken)
        return _said(201, json.dumps({"sid": taken.sid, "status": "queued"}).encode())

    def _listed(self, wanted: Mapping[str, str]) -> Answer:
        until = self.scheduler.monotonic() - LIST_LAG_SECONDS
        listed = [_listing(one) for one in reversed(self._by_contact[wanted["To"]]) if one.at <= until]
        return _said(200, json.dumps({"messages": listed, "next_page_uri": None}).encode())

    def close(self) -> None:
        """Nothing is open."""


def _listing(taken: Taken) -> dict[str, Any]:
    created_at = email.utils.formatdate(BEGINNING / 1_000_000 + taken.at)
    return {"sid": taken.sid, "to": taken.to, "body": taken.body, "direction": "outbound-api", "status": "sent",
            "date_created": created_at}  # fmt: skip


def _said(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> OutgoingAnswer:
    return OutgoingAnswer(status, headers or {}, body, 0.01, "")
