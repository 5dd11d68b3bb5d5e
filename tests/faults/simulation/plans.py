"""What a seed draws before its world begins: who takes part, how much goes wrong, and of what kind."""

from dataclasses import dataclass, replace
from random import Random
from typing import Literal


@dataclass(frozen=True)
class Plan:
    """A seed's world. Shares are of the points passed, of requests, or of webhooks."""

    mode: Literal["key", "lookup"]
    workers: int
    contacts: tuple[tuple[Literal["echo", "question"], int], ...]  # kind of flow, messages
    gaps: tuple[float, ...]  # seconds between a contact's messages, drawn from these
    switches: float
    delays: float
    crashes: int  # at most so many
    crash_share: float
    freezes: int
    trouble: float
    redis_is_up: bool
    loses_wake_ups: float
    agent: bool

    @property
    def is_calm(self) -> bool:
        """Nothing goes wrong: then every event is begun once, and nobody needs a clock to find work."""
        return not (self.crashes or self.freezes or self.trouble or self.loses_wake_ups) and self.redis_is_up


_MOST_ENDS = 4  # of processes: a fifth of the same event would set it aside, as it should


def draw(seed: int) -> Plan:
    """The plan of a seed. Every seventh is calm."""
    random = Random(f"plan {seed}")
    calm = seed % 7 == 0
    kinds: list[Literal["echo", "question"]] = ["echo", "question"]
    contacts = tuple((random.choice(kinds), random.randint(1, 3)) for _ in range(random.choice((1, 1, 2, 2, 3))))
    plan = Plan(
        mode="key" if random.random() < 0.5 else "lookup",
        workers=random.choice((1, 2, 2, 2, 3)),
        contacts=contacts,
        gaps=random.choice(((0.0,), (0.0, 0.01, 0.1), (0.5, 5.0), (28.0, 29.9, 30.0, 30.1, 32.0, 1.0))),
        switches=random.choice((0.1, 0.3, 0.6)),
        delays=random.choice((0.0, 0.02, 0.1)),
        crashes=0 if calm else random.choice((0, 1, 2, 3, 4)),
        crash_share=random.choice((0.01, 0.03, 0.1)),
        freezes=0 if calm else random.choice((0, 0, 1, 2)),
        trouble=0.0 if calm else random.choice((0.0, 0.1, 0.3)),
        redis_is_up=calm or random.random() < 0.8,
        loses_wake_ups=0.0 if calm else random.choice((0.0, 0.0, 0.3)),
        agent=random.random() < 0.25,
    )
    return replace(plan, freezes=min(plan.freezes, _MOST_ENDS - plan.crashes))
