"""Names into addresses: asked once, every answer checked, the checked ones kept for a moment."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final

from app.outgoing.deny_list import blocked_as
from app.outgoing.errors import BlockedAddress, NameNotFound, TimedOut
from app.outgoing.timed_socket import Clock, Deadline

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to numeric addresses, the preferred first; raises OSError (socket.gaierror) where there are none."""

KEPT_SECONDS: Final = (
    30.0  # a change of address is noticed within half a minute; one question serves a burst of messages
)
KEPT_NAMES: Final = 1_024
LOOKUPS_AT_ONCE: Final = 64  # each is a thread that nothing can end; a flow with random names must not start thousands


def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system knows, in its order of preference (RFC 6724)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Lookup:
    """Resolves hosts in threads, since no operating system gives `getaddrinfo` a time limit."""

    def __init__(self, allowed: frozenset[tuple[str, int]], resolver: Resolver, clock: Clock = time.monotonic) -> None:
        self._allowed = frozenset((_canonical(host), port) for host, port in allowed)
        self._resolver = resolver
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}
        self._asked: dict[tuple[str, int], Future[Sequence[str]]] = {}

    def addresses(self, host: str, port: int, deadline: Deadline) -> tuple[str, ...]:
        """Every address of the host, each one checked. Raises: BlockedAddress, NameNotFound, TimedOut."""
        with contextlib.suppress(ValueError):
            return self._checked(host, port, [str(ipaddress.ip_address(host))])
        with self._lock:
            kept_until, kept = self._kept.get((host, port), (0.0, ()))
        if kept and self._clock() < kept_until:
            return kept
        checked = self._checked(host, port, self._ask(host, port, deadline))
        with self._lock:
            if len(self._kept) >= KEPT_NAMES:
                self._kept.clear()  # rare, and it costs one more question per name
            self._kept[host, port] = (self._clock() + KEPT_SECONDS, checked)
        return checked

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether this very host and port may lie in a private network."""
        return (host.lower().removesuffix("."), port) in self._allowed

    def forget(self, host: str, port: int) -> None:
        """The next request asks anew; said when none of the addresses took a connection."""
        with self._lock:
            self._kept.pop((host, port), None)

    def _checked(self, host: str, port: int, found: Sequence[str]) -> tuple[str, ...]:
        """All of `found`, or a refusal if one is blocked: a name with a public and a private address is an attack."""
        if (host, port) not in self._allowed:
            for address in found:
                if kind := blocked_as(address):
                    raise BlockedAddress(
                        f"{host} leads to an address that flows may not reach ({kind}). "
                        f"If it is yours, let the operator add {host}:{port} to ALLOWED_PRIVATE_HOSTS."
                    )
        return tuple(dict.fromkeys(found))

    def _ask(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        with self._lock:
            asked = self._asked.get((host, port))
            if asked is None:
                if len(self._asked) >= LOOKUPS_AT_ONCE:
                    raise NameNotFound(
                        f"The address of {host} was not looked up: too many other names are waiting. Try again."
                    )
                asked = self._asked[host, port] = Future()
                threading.Thread(target=self._resolve, args=(host, port, asked), daemon=True, name="lookup").start()
        try:
            found = asked.result(timeout=deadline.left())
        except (TimeoutError, FutureTimeoutError):
            raise TimedOut(f"The address of {host} was not found within {deadline.seconds:g} seconds.") from None
        except OSError as error:
            reason = error.strerror or "no answer"
            raise NameNotFound(
                f"{host} has no address ({reason}): look for a typing mistake in the host's name."
            ) from None
        if not found:
            raise NameNotFound(f"{host} has no address: look for a typing mistake in the host's name.")
        return found

    def _resolve(self, host: str, port: int, asked: Future[Sequence[str]]) -> None:
        found: Sequence[str] = ()
        failure: BaseException | None = None
        try:
            found = tuple(self._resolver(host, port))
        except OSError as error:
            failure = error
        except UnicodeError:  # getaddrinfo's own idea of a label that is too long
            failure = OSError(0, "not a possible name")
        finally:
            with self._lock:  # before the answer is told, so that nobody who asks later is given this one
                self._asked.pop((host, port), None)
            asked.set_exception(failure) if failure else asked.set_result(found)


def _canonical(host: str) -> str:
    """The spelling that `read_web_address` gives a host."""
    return str(ipaddress.IPv6Address(host)) if ":" in host else host.lower().removesuffix(".")
