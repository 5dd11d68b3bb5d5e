"""Performs Asks: what a flow wants to know of the world, answered as data, whatever goes wrong."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import text

from app.credentials import Credential, CredentialRefused, apply, secrets_of
from app.db import Database
from app.directory import Directory
from app.machine import THIS_MACHINE, Machine
from app.models.conversation import conversation_of
from app.outgoing import (
    IDEMPOTENT,
    AnswerCache,
    CircuitBreaker,
    Guarded,
    OutgoingAnswer,
    OutgoingError,
    OutgoingRequest,
    cache_key,
)
from app.scrubbing import scrub
from app.sealing import SealBroken
from app.store.ways import ways_to_contact
from flows.ask import (
    Answer,
    CalendarState,
    CalendarStateAnswer,
    FlowVersion,
    FlowVersionAnswer,
    HttpAnswer,
    HttpRequest,
    QueueState,
    QueueStateAnswer,
    Request,
    Way,
    WaysToContact,
    WaysToContactAnswer,
)
from flows.values import clean_text


class Performer:
    """Answers requests of one process: guarded client, breaker and cache are shared by all its threads."""

    def __init__(
        self, database: Database, directory: Directory, http: Guarded, machine: Machine = THIS_MACHINE
    ) -> None:
        """Everything is held open as long as the process lives."""
        self._database, self._directory, self._http, self._machine = database, directory, http, machine
        self.breaker = CircuitBreaker(clock=machine.monotonic)
        self.cache = AnswerCache()

    def perform(self, request: Request, key: str) -> Answer:
        """The answer, never an exception for what the world does.

        `key` becomes the Idempotency-Key of unsafe methods.
        """
        match request:
            case HttpRequest():
                return self._http_answer(request, key)
            case QueueState():
                return self._queue_state(request)
            case WaysToContact():
                return self._ways(request)
            case CalendarState():
                return CalendarStateAnswer(exists=False)
            case FlowVersion():
                return FlowVersionAnswer("", f"The flow {request.flow} cannot be entered from here yet.")

    def _http_answer(self, request: HttpRequest, key: str) -> HttpAnswer:
        started = self._machine.monotonic()
        credential: Credential | None = None
        if request.credential:
            try:
                with self._database.reading() as session:
                    credential = self._directory.credential(session, request.credential)
            except SealBroken:
                broken = f"The credential “{request.credential}” cannot be opened: enter its secret again."
                return HttpAnswer(error="secret_missing", message=broken)
            if credential is None:
                return HttpAnswer(error="secret_missing", message=f"There is no credential “{request.credential}”.")
        try:
            secret_headers = apply(credential, request.url) if credential else {}
        except CredentialRefused as refused:
            return HttpAnswer(error="secret_missing", message=str(refused))
        secrets = secrets_of(credential) if credential else ()
        headers = dict(request.headers)
        if request.method not in IDEMPOTENT:
            headers["Idempotency-Key"] = key
        exchange = _Exchange(request, headers, secret_headers, secrets, started, self._machine)
        cached = cache_key(request.method, request.url, request.headers, request.credential or None)
        if exchange.cacheable and (kept := self.cache.get(cached)) is not None:
            return exchange.answered(kept, 0, from_cache=True)
        return self._attempts(exchange, cached)

    def _attempts(self, exchange: "_Exchange", cached: str) -> HttpAnswer:
        """The request and its repeats, all inside one time limit."""
        request = exchange.request
        back_off, attempt = request.retries.back_off_seconds, 0
        while True:
            attempt += 1
            left = request.timeout_seconds - exchange.seconds()
            if not self.breaker.allows(exchange.origin):
                return HttpAnswer(
                    error="circuit_open",
                    message=f"{exchange.origin} has failed several times in a row and is spared for a moment.",
                    retryable=True,
                    attempts=attempt - 1,
                )
            answer = self._once(exchange, left)
            again = attempt <= request.retries.count and left - back_off > 0.05
            if isinstance(answer, OutgoingAnswer):
                if again and exchange.repeatable and answer.status in request.retries.statuses:
                    self._machine.sleep(back_off)
                    back_off *= 2
                    continue
                if exchange.cacheable and answer.status < 400:
                    self.cache.put(cached, answer, request.cache_seconds)
                return exchange.answered(answer, attempt)
            if again and answer.retryable and (exchange.repeatable or not answer.may_have_arrived):
                self._machine.sleep(back_off)
                back_off *= 2
                continue
            return exchange.failed(answer, attempt)

    def _once(self, exchange: "_Exchange", left: float) -> OutgoingAnswer | OutgoingError:
        request, origin = exchange.request, exchange.origin
        try:
            answer = self._http.send(
                OutgoingRequest(
                    method=request.method,
                    url=request.url,
                    headers=exchange.headers,
                    body=None if request.body is None else request.body.encode(),
                    timeout_seconds=max(round(left, 1), 0.05),  # people read it where it was too short
                    maximum_bytes=request.maximum_bytes,
                    secret_headers=exchange.secret_headers,
                )
            )
        except OutgoingError as error:
            if error.retryable:
                self.breaker.failed(origin)
            return error
        (self.breaker.failed if answer.status >= 500 else self.breaker.succeeded)(origin)
        return answer

    def _queue_state(self, request: QueueState) -> QueueStateAnswer:
        with self._database.reading() as session:
            row = session.execute(
                text(
                    "SELECT q.maximum_length, q.maximum_wait_seconds, q.waiting_text,"
                    " (SELECT count(*) FROM queue_entries e WHERE e.queue_id = q.id AND e.state = 'waiting') AS waiting"
                    " FROM queues q WHERE q.name = :name"
                ),
                {"name": request.queue},
            ).first()
        if row is None:
            return QueueStateAnswer(exists=False)
        return QueueStateAnswer(
            exists=True,
            waiting=row.waiting,
            maximum_length=row.maximum_length,
            maximum_wait_seconds=row.maximum_wait_seconds,
            waiting_text=json.loads(row.waiting_text),
        )

    def _ways(self, request: WaysToContact) -> WaysToContactAnswer:
        with self._database.reading() as session:
            found = ways_to_contact(session, conversation_of(request.conversation), request.numbers)
        return WaysToContactAnswer(tuple(Way(way.name, way.error_kind, way.error) for way in found))


_READING = ("GET", "HEAD")
_KINDS = {"connection_lost": "connect", "bad_request": "bad_address"}  # the others are called alike on both sides


@dataclass(frozen=True)
class _Exchange:
    """A request with all its attempts; `started` is of the monotonic clock."""

    request: HttpRequest
    headers: Mapping[str, str]
    secret_headers: Mapping[str, str]
    secrets: tuple[str, ...]
    started: float
    machine: Machine

    @property
    def origin(self) -> str:
        """What the breaker spares as a whole."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.request.url))

    @property
    def cacheable(self) -> bool:
        """Whether its answer may be used again: that of one which may change something may not."""
        return self.request.cache_seconds > 0 and self.request.method in _READING

    @property
    def repeatable(self) -> bool:
        """Whether the request may arrive twice."""
        return self.request.method in IDEMPOTENT or self.request.may_be_repeated

    def seconds(self) -> float:
        """How long it has taken so far."""
        return self.machine.monotonic() - self.started

    def answered(self, answer: OutgoingAnswer, attempts: int, *, from_cache: bool = False) -> HttpAnswer:
        """The provider's answer as data."""
        # An API that echoes the request must not carry a secret into the journal, a variable or the trace.
        clean = _scrubber(self.secrets)
        return HttpAnswer(
            status=answer.status,
            headers={name: clean(value) for name, value in answer.headers.items()},
            body=clean(answer.body.decode(_charset(answer), "replace")),
            size_bytes=len(answer.body),
            seconds=round(self.seconds(), 4),
            attempts=attempts,
            from_cache=from_cache,
        )

    def failed(self, error: OutgoingError, attempts: int) -> HttpAnswer:
        """Why there is no answer, as data."""
        unknown = error.may_have_arrived and not self.repeatable
        return HttpAnswer(
            seconds=round(self.seconds(), 4),
            attempts=attempts,
            error="outcome_unknown" if unknown else _KINDS.get(error.kind, error.kind),
            message=clean_text(scrub(str(error), self.secrets) if self.secrets else str(error)),
            retryable=error.retryable and not unknown,
        )


def _scrubber(secrets: tuple[str, ...]) -> Callable[[str], str]:
    return lambda value: clean_text(scrub(value, secrets) if secrets else value)


def _charset(answer: OutgoingAnswer) -> str:
    content_type = answer.headers.get("content-type", "").lower()
    charset = content_type.partition("charset=")[2].split(";")[0].strip(" \"'")
    try:
        "".encode(charset or "utf-8")
    except LookupError:
        return "utf-8"
    return charset or "utf-8"
