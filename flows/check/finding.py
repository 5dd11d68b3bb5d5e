"""A finding: one thing wrong with a flow, where it is and how to mend it; and the names the installation has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from flows.document import Flow
from flows.step import Claim
from flows.values import fold_text

Severity = Literal["blocking", "warning", "hint"]

SEVERITIES: tuple[Severity, ...] = ("blocking", "warning", "hint")


@dataclass(frozen=True)
class Finding:
    """One thing wrong. `step` is the placed step's id, empty for the flow itself; `field` a place in its config, or
    "exits.<exit>", "type", or a key of the flow. A blocking one prevents publishing."""

    code: str
    severity: Severity
    step: str
    field: str
    sentence: str
    mend: str


class Slot(NamedTuple):
    """What one live trigger holds: a number's calls, its messages, or its messages that have a keyword; "api" and
    "schedule" are held by each flow for itself."""

    number: str
    kind: Literal["calls", "messages", "api", "schedule"]
    keyword: str = ""  # folded; empty: every message that no keyword claims


@dataclass(frozen=True)
class InstallationNames:
    """The named things of an installation, as far as a flow may use them.

    numbers: each number's name with what it can be used for: "calls", "messages".
    flows: of each flow there is, as far as flows run it: its published versions by number, 0 the latest.
    callers: the latest published versions of other flows that may run this one.
    files: the media types of stored files by their hashes, as far as the flow names them.
    disconnected: the numbers whose connection is turned off.
    claimed: the slots that other live flows hold, each with the name of its flow.
    """

    credentials: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    calendars: frozenset[str] = frozenset()
    numbers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    constants: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    flows: Mapping[str, Mapping[int, Flow]] = field(default_factory=dict)
    callers: Sequence[Flow] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    disconnected: frozenset[str] = frozenset()
    claimed: Mapping[Slot, str] = field(default_factory=dict)


def slots(claims: Iterable[Claim]) -> list[Slot]:
    """The slots that a trigger's claims take; publishing compares live flows by them."""
    return [
        Slot(number, claim.kind, keyword)
        for claim in claims
        for number in claim.numbers
        for keyword in ([fold_text(word) for word in claim.keywords] or [""])
    ]
