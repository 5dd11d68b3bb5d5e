"""The oracle: what the provider double wrote down, against what the driver got a 200 for."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

Key = tuple[str, int]  # contact, number of the message


@dataclass(frozen=True)
class Taken:
    """One message that the provider took."""

    at: float  # time.time()
    contact: str
    number: int  # of the message it answers
    text: str


class Log:
    """An append-only file of JSON lines, read as it grows."""

    def __init__(self, path: Path) -> None:
        """The file may not exist yet."""
        self._path, self._offset = path, 0
        self.lines: list[Any] = []

    def read(self) -> "Log":
        """Reads what is new, whole lines only."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole, end, _ = file.read().rpartition(b"\n")
            self._offset += len(whole) + len(end)
            self.lines += map(json.loads, whole.splitlines())
        return self


@dataclass(frozen=True)
class Verdict:
    """What is wrong; everything empty is what the product promises."""

    refused: Sequence[Key]  # never answered with 200, however often it was repeated
    lost: Sequence[Key]
    duplicated: Sequence[Key]
    out_of_order: Sequence[tuple[Key, Key]]
    strange: Sequence[str]  # sent, but no answer to anything that was asked
    asked_twice: Sequence[Key]  # visits that may not be noted twice

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (
            self.refused or self.lost or self.duplicated or self.out_of_order or self.strange or self.asked_twice
        )


def taken(log: Log) -> list[Taken]:
    """The provider's log as messages, in the order in which they arrived."""
    return [Taken(line["at"], line["to"], number_of(line["body"]), line["body"]) for line in log.lines]


def judge(
    accepted: Mapping[Key, float], wanted: Sequence[Key], sent: Sequence[Taken], visits: Sequence[Mapping[str, str]]
) -> Verdict:
    """`accepted`: when each message of `wanted` was answered with 200. `visits`: those that may be noted once only."""
    counts = Counter((one.contact, one.number) for one in sent)
    per_contact: dict[str, list[int]] = defaultdict(list)
    for one in sent:
        if one.number not in per_contact[one.contact]:
            per_contact[one.contact].append(one.number)
    asked = set(wanted)
    noted = Counter((visit["phone"], int(visit["text"])) for visit in visits)
    return Verdict(
        refused=[key for key in wanted if key not in accepted],
        lost=[key for key in accepted if key not in counts],
        duplicated=[key for key, count in counts.items() if count > 1],
        out_of_order=[
            ((contact, earlier), (contact, later))
            for contact, numbers in per_contact.items()
            for earlier, later in pairwise(numbers)
            if earlier > later
        ],
        strange=[one.text for one in sent if (one.contact, one.number) not in asked],
        asked_twice=[key for key, count in noted.items() if count > 1],
    )


def recovery_seconds(accepted: Mapping[Key, float], sent: Sequence[Taken], kills: Sequence[float]) -> dict[Key, float]:
    """Per message that a kill may have held up: from its 200, or from the first kill after it, to its answer.

    A message counts when a kill came after its 200 and before its answer, or at most two seconds before its 200.
    """
    seconds = {}
    for one in sent:
        at = accepted.get((one.contact, one.number))
        if at is None:
            continue
        first = next((kill for kill in kills if at - 2.0 <= kill <= one.at), None)
        if first is not None:
            seconds[one.contact, one.number] = max(0.0, one.at - max(at, first))
    return seconds


def delay_seconds(accepted: Mapping[Key, float], sent: Sequence[Taken]) -> list[float]:
    """From each message's 200 to its answer."""
    return [max(0.0, one.at - accepted[key]) for one in sent if (key := (one.contact, one.number)) in accepted]


def percentile(seconds: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile, in seconds with three places; None of nothing."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 3) if ordered else None


def number_of(text: str) -> int:
    """The number of the message that an answer's text answers; -1 of any other text."""
    last = text.rpartition(" ")[2]
    return int(last) if last.isdecimal() else -1
