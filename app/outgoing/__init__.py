"""Guarded HTTP to everything a flow or a person can point at."""

from app.outgoing.answer_cache import AnswerCache, cache_key
from app.outgoing.breaker import BreakerLimits, CircuitBreaker
from app.outgoing.client import IDEMPOTENT, Guarded
from app.outgoing.errors import (
    BadAddress,
    BadRequest,
    BlockedAddress,
    ConnectionLost,
    Kind,
    NameNotFound,
    NotConnected,
    OutgoingError,
    RedirectRefused,
    TimedOut,
    TlsRefused,
    TooLarge,
)
from app.outgoing.host_slots import HostSlots
from app.outgoing.message import (
    DEFAULT_BYTES,
    MAXIMUM_BYTES,
    MAXIMUM_FILE_BYTES,
    Hop,
    OutgoingAnswer,
    OutgoingRequest,
)
from app.outgoing.timed_socket import Deadline, TimedSocket, WireFull

__all__ = [
    "DEFAULT_BYTES",
    "IDEMPOTENT",
    "MAXIMUM_BYTES",
    "MAXIMUM_FILE_BYTES",
    "AnswerCache",
    "BadAddress",
    "BadRequest",
    "BlockedAddress",
    "BreakerLimits",
    "CircuitBreaker",
    "ConnectionLost",
    "Deadline",
    "Guarded",
    "Hop",
    "HostSlots",
    "Kind",
    "NameNotFound",
    "NotConnected",
    "OutgoingAnswer",
    "OutgoingError",
    "OutgoingRequest",
    "RedirectRefused",
    "TimedOut",
    "TimedSocket",
    "TlsRefused",
    "TooLarge",
    "WireFull",
    "cache_key",
]
