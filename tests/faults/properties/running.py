"""Examples by seed: as many as wanted, or until one breaks a promise."""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.properties.mutations import MUTATIONS
from tests.faults.properties.place import Place
from tests.faults.properties.rules import Rules
from tests.faults.simulation.seeds import silence

STEPS: Final = 30  # rules in an example at most


@dataclass(frozen=True)
class Outcome:
    """What came of examples. `broken` is the sentence of the promise that was not kept, or empty."""

    counts: Counter[str]
    broken: str


def run_examples(place: Place, count: int, first: int, *, prints: bool = True) -> Counter[str]:
    """So many examples of that seed, and what happened in them.

    Raises: AssertionError, or whatever broke; it `prints` the rules that lead there. They are not made fewer, as that
    may take many minutes: whoever wants it adds Phase.shrink.
    """

    class Bound(Rules):
        tally: ClassVar[Counter[str]] = Counter()

    Bound.place = place
    with silence():
        run_state_machine_as_test(
            seed(first)(Bound),
            settings=settings(
                max_examples=count,
                stateful_step_count=STEPS,
                phases=[Phase.generate],
                database=None,
                deadline=None,
                derandomize=False,
                print_blob=False,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.normal if prints else Verbosity.quiet,
            ),
        )
    return Bound.tally


def outcome_of(place: Place, count: int, first: int, mutation: str = "") -> Outcome:
    """The same, with a planted fault or without, and never raises for what is broken."""
    try:
        if not mutation:
            return Outcome(run_examples(place, count, first, prints=False), "")
        with MUTATIONS[mutation][1]():
            return Outcome(run_examples(place, count, first, prints=False), "")
    except Exception as error:  # noqa: BLE001  whatever it is, these examples have found it
        return Outcome(Counter(), f"{type(error).__name__}: {error}".partition("\n")[0])
