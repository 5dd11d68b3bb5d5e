"""What the house and its provider show at one moment, as rows."""

from collections import Counter
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

    @property
    def counts(self) -> Counter[str]:
        """What there is, by kinds."""
        kinds = Counter(f"messages {row['state']}" for row in self.effects)
        return kinds + Counter(conversations=len(self.conversations), attempts=len(self.attempts))


@dataclass(frozen=True)
class Told:
    """What a provider tells of a message."""

    said: Said
    rank: int

    @property
    def delivered(self) -> bool:
        return self.rank in {6, 7}
