"""Performs Asks: what a flow wants to know of the world, answered as data, whatever goes wrong."""

from sqlalchemy.orm import Session

from app.credentials import Credential, CredentialRefused, apply, secrets_of
from app.db import Database
from app.desk.calendars import calendar_state
from app.desk.queue_state import queue_state
from app.directory import Directory
from app.exchange import Exchange
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
from app.sealing import SealBroken
from app.store.contacts import address_owner
from app.store.phones import phones_of_contacts
from app.store.stored_files import file_state
from app.store.versions import version_to_enter
from app.store.ways import ways_to_contact
from app.store.webhooks import webhook_state
from flows.ask import (
    AddressState,
    Answer,
    CalendarState,
    FileState,
    FlowVersion,
    HttpAnswer,
    HttpRequest,
    PhonesOfContacts,
    PhonesOfContactsAnswer,
    QueueState,
    Request,
    Way,
    WaysToContact,
    WaysToContactAnswer,
    WebhookState,
)

_Here = QueueState | AddressState | PhonesOfContacts | WebhookState | FileState | CalendarState | FlowVersion


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
            case WaysToContact():
                return self._ways(request)
            case _:
                with self._database.reading() as session:
                    return self._looked_up(session, request)

    def _looked_up(self, session: Session, request: _Here) -> Answer:
        """What this installation knows itself."""
        match request:
            case QueueState():
                return queue_state(session, request)
            case AddressState():
                return address_owner(session, request, conversation_of(request.conversation))
            case PhonesOfContacts():
                return PhonesOfContactsAnswer(phones_of_contacts(session, request.addresses))
            case WebhookState():
                return webhook_state(session, request)
            case FileState():
                return file_state(session, request)
            case CalendarState():
                return calendar_state(session, request.calendar, request.at)
            case FlowVersion():
                answer = version_to_enter(session, request)
                if answer.version:
                    self._directory.flow(session, int(answer.version))  # so that the turn finds it there
                return answer

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
        exchange = Exchange(request, headers, secret_headers, secrets, started, self._machine)
        cached = cache_key(request.method, request.url, request.headers, request.credential or None)
        if exchange.cacheable and (kept := self.cache.get(cached)) is not None:
            return exchange.answered(kept, 0, from_cache=True)
        return self._attempts(exchange, cached)

    def _attempts(self, exchange: Exchange, cached: str) -> HttpAnswer:
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

    def _once(self, exchange: Exchange, left: float) -> OutgoingAnswer | OutgoingError:
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

    def _ways(self, request: WaysToContact) -> WaysToContactAnswer:
        with self._database.reading() as session:
            found = ways_to_contact(session, conversation_of(request.conversation), request.numbers)
        return WaysToContactAnswer(tuple(Way(way.name, way.error_kind, way.error) for way in found))
