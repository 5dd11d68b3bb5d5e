"""An Ask under way: decides with the journal whether a request is performed, repeated or answered from before.

Keeps RELIABILITY §2 "Turn": POST and PATCH are repeated only if the author said so; GET, HEAD, PUT and DELETE always
may be. The answers of safe requests are written together with the next unsafe one of their turn: before that, a
repeated turn may as well ask again (docs/decisions/journal.md).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.store.journal import Entry
from flows import wire
from flows.ask import Answer, FlowVersion, HttpAnswer, HttpRequest, Request

_SAFE = frozenset({"GET", "HEAD"})
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True)
class Decision:
    """What to do with a request.

    answer: use it, ask nobody. first: entries that must be committed before the request leaves. forgets: the turn's
    journal is dropped from this Ask on.
    """

    answer: Answer | None = None
    first: tuple[Entry, ...] = ()
    forgets: bool = False


class Asking:
    """The Asks of one turn, in order."""

    def __init__(self, journal: Mapping[tuple[int, int, int], Any]) -> None:
        """`journal`: rows of an earlier attempt by (run, turn, n)."""
        self._journal = dict(journal)
        self._unwritten: list[Entry] = []
        self._versions: dict[FlowVersion, Answer] = {}  # a turn is one instant: it enters a flow in one version

    def decide(self, key: tuple[int, int, int], request: Request) -> Decision:
        """How the request is to be handled."""
        fingerprint = fingerprint_of(request)
        row = self._journal.get(key)
        if row is not None and row.fingerprint != fingerprint:
            if not _is_safe(request):
                return Decision(_unknown("this turn was repeated and would now ask something else"))
            self._journal = {known: entry for known, entry in self._journal.items() if known < key}
            return Decision(forgets=True)
        if row is not None and row.state == "answered":
            answer: Answer = wire.read(Answer, row.answer)
            if isinstance(request, FlowVersion):
                self._versions[request] = answer
            return Decision(answer)
        if row is not None and not _may_repeat(request):
            return Decision(_unknown("the request was under way when the process died"))
        if isinstance(request, FlowVersion) and request in self._versions:
            known = self._versions[request]
            self._unwritten.append(Entry(*key, fingerprint, "answered", wire.write(known)))
            return Decision(known)
        if _is_safe(request):
            return Decision()
        entry = Entry(*key, fingerprint, "sending")
        first = (*self._unwritten, entry)
        self._unwritten = []
        return Decision(first=first)

    def answered(self, key: tuple[int, int, int], request: Request, answer: Answer) -> tuple[Entry, ...]:
        """What must be committed before the turn goes on."""
        if isinstance(request, FlowVersion):
            self._versions[request] = answer
        entry = Entry(*key, fingerprint_of(request), "answered", wire.write(answer))
        if _is_safe(request):
            self._unwritten.append(entry)
            return ()
        return (entry,)


def idempotency_key(key: tuple[int, int, int]) -> str:
    """The key that POST and PATCH carry: run-turn-n."""
    return "-".join(map(str, key))


def fingerprint_of(request: Request) -> str:
    """What makes two requests the same; a credential is only named in a request, so no secret is in it."""
    plain = replace(request, hold_prompt="", hold_language="") if isinstance(request, HttpRequest) else request
    return hashlib.sha256(wire.write(plain).encode()).hexdigest()


def _is_safe(request: Request) -> bool:
    return not isinstance(request, HttpRequest) or request.method in _SAFE


def _may_repeat(request: Request) -> bool:
    return not isinstance(request, HttpRequest) or request.method in _REPEATABLE or request.may_be_repeated


def _unknown(why: str) -> HttpAnswer:
    return HttpAnswer(error="outcome_unknown", message=f"Whether the request was carried out is unknown: {why}.")
