"""What the house and its provider show at one moment, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.properties.run import Said

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """The house's tables, and the provider's log: the keys that it took and those of all attempts, in order."""

    now: int
    conversations: Sequence[Row]
    events: Sequence[Row]
    messages: Sequence[Row]
    effects: Sequence[Row]
    taken: Sequence[tuple[str, str]]  # key, text
    attempts: Sequence[str]
    refused: Sequence[str]


@dataclass(frozen=True)
class Told:
    """What a provider tells of a message."""

    said: Said
    rank: int

    @property
    def delivered(self) -> bool:
        return self.rank in {6, 7}
