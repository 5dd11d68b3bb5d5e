"""Requests a step may make of the host, and their answers: asking is data, the engine performs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Retries:
    """How often a request is repeated inside its one time limit. `statuses` repeat too, besides lost connections."""

    count: int = 0
    back_off_seconds: float = 0.5  # doubles each time
    statuses: tuple[int, ...] = (429, 502, 503, 504)


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request through the guarded client. Secrets are named (`credential`), never carried."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    credential: str = ""
    timeout_seconds: float = 10.0  # everything in all: redirects and repeats too
    maximum_bytes: int = 262_144
    retries: Retries = Retries()
    may_be_repeated: bool = False  # the author's word for POST and PATCH
    cache_seconds: int = 0
    hold_prompt: str = ""  # spoken on a call whose turn is not ready
    hold_language: str = ""  # of these words


@dataclass(frozen=True)
class HttpAnswer:
    """What came back. `error` is empty or an error kind of fetch_variable's network half: dns, connect, tls, timeout,
    redirect_refused, too_large, blocked_address, bad_address, circuit_open, secret_missing, outcome_unknown."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: str = ""
    size_bytes: int = 0
    seconds: float = 0.0
    attempts: int = 1
    from_cache: bool = False
    error: str = ""
    message: str = ""
    retryable: bool = False


@dataclass(frozen=True)
class QueueState:
    """Asks how a queue of ours stands; `at` is the instant for which its calendar is read, None the present."""

    queue: str
    at: datetime | None = None


@dataclass(frozen=True)
class QueueStateAnswer:
    """`is_open` is True for a queue without calendar, which has no next opening; `maximum_length` 0 means no limit."""

    exists: bool
    waiting: int = 0
    maximum_length: int = 0
    maximum_wait_seconds: int = 0
    is_open: bool = True
    waiting_text: Mapping[str, str] = field(default_factory=dict)
    next_opening_at: datetime | None = None


Hours = Literal["open", "closed", "holiday"]


@dataclass(frozen=True)
class CalendarState:
    """Asks what a calendar of the installation says at an instant; steps ask for `context.now`."""

    calendar: str
    at: datetime


@dataclass(frozen=True)
class CalendarStateAnswer:
    """`state` at the instant, and why in a few words (a holiday's name, an exception's, “switched by hand”).

    next_opening_at: when it opens after the instant; of one that is open, for the next time. None: never, as far as
    the calendar tells. next_closing_at: when it closes after the instant; None: it never does.
    """

    exists: bool
    state: Hours = "closed"
    reason: str = ""
    zone: str = "UTC"
    next_opening_at: datetime | None = None
    next_closing_at: datetime | None = None


@dataclass(frozen=True)
class FlowVersion:
    """Asks for the version that `run_flow` shall enter; the host puts it into `flows` and names it."""

    flow: str
    version: str = ""  # empty = latest published


@dataclass(frozen=True)
class FlowVersionAnswer:
    """The version's id, empty when there is none: then `error` says whether the flow is missing or not published."""

    version: str
    message: str = ""
    error: Literal["", "flow_missing", "not_published"] = ""


@dataclass(frozen=True)
class WaysToContact:
    """Asks by which numbers of ours a message reaches the contact of this conversation (its reference).

    numbers: those to look at; none: those the contact has written to, the latest first.
    """

    conversation: str
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """A number of ours; `error` is the error kind of send_message for which it does not reach the contact, or empty."""

    number: str
    error: str = ""
    message: str = ""


@dataclass(frozen=True)
class WaysToContactAnswer:
    """The ways in the order they were asked for."""

    ways: tuple[Way, ...] = ()


@dataclass(frozen=True)
class AddressState:
    """Asks whose an address is, for the contact of this conversation (its reference). kind: phone, email."""

    conversation: str
    kind: str
    value: str


@dataclass(frozen=True)
class AddressStateAnswer:
    """Nobody's yet, the contact's own, or another contact's."""

    owner: Literal["nobody", "contact", "another"]


@dataclass(frozen=True)
class WebhookState:
    """Asks whether webhooks of a connection can be waited for."""

    connection: str


@dataclass(frozen=True)
class WebhookStateAnswer:
    """`error` is empty, or says why none of its webhooks could ever be believed."""

    error: str = ""


@dataclass(frozen=True)
class FileState:
    """Asks for a stored file, which flows name by its sha256."""

    file: str


@dataclass(frozen=True)
class FileStateAnswer:
    """The file's id here (empty: it is not stored), its kind and its name."""

    id: str = ""
    media_type: str = ""
    name: str = ""


@dataclass(frozen=True)
class PhonesOfContacts:
    """Asks for the telephone numbers of contacts, each named by any address of theirs, such as their e-mail."""

    addresses: tuple[str, ...]


@dataclass(frozen=True)
class PhonesOfContactsAnswer:
    """The numbers (E.164) in the order they were asked for; empty where there is no such contact, or none with one."""

    phones: tuple[str, ...] = ()


Request = (
    HttpRequest
    | QueueState
    | CalendarState
    | WaysToContact
    | FlowVersion
    | AddressState
    | WebhookState
    | FileState
    | PhonesOfContacts
)
Answer = (
    HttpAnswer
    | QueueStateAnswer
    | CalendarStateAnswer
    | WaysToContactAnswer
    | FlowVersionAnswer
    | AddressStateAnswer
    | WebhookStateAnswer
    | FileStateAnswer
    | PhonesOfContactsAnswer
)


def size_bytes(answer: Answer) -> int:
    """What an answer takes to keep, as far as somebody else decides it: headers and body of an HTTP answer."""
    if not isinstance(answer, HttpAnswer):
        return 0
    return sum(len(text.encode(errors="replace")) for part in answer.headers.items() for text in part) + len(
        answer.body.encode(errors="replace")
    )
