"""One HTTP exchange of a flow with another system, all its attempts included, and its answer as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.machine import Machine
from app.outgoing import IDEMPOTENT, OutgoingAnswer, OutgoingError
from app.scrubbing import scrub
from flows.ask import HttpAnswer, HttpRequest
from flows.values import clean_text

_READING = ("GET", "HEAD")
_KINDS = {"connection_lost": "connect", "bad_request": "bad_address"}  # the others are called alike on both sides


@dataclass(frozen=True)
class Exchange:
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
