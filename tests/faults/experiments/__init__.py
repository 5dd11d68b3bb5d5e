"""The experiments: each module here is one fault with the promise that is kept in spite of it, and prints its figures.

A module has NAME (with hyphens, as it is called from the command line), PROMISE (one sentence), DATABASES (those on
which the fault means anything, the first by default) and `run(database, seed) -> Figures`; ALONE = True where
nothing may run beside it, as its figures are times or it fills the machine, and TOGETHER = True where it leaves room
for itself on the other database; COMPUTES = True where no time matters at all, so that it takes what others leave.
Nothing else lists it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

DatabaseKind = Literal["postgresql", "sqlite"]


@dataclass
class Figures:
    """What an experiment measured, in the order in which it is shown, and the broken promises, a sentence each."""

    values: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def expect(self, is_kept: bool, sentence: str) -> None:
        """Notes the sentence as broken unless it is kept."""
        if not is_kept:
            self.broken.append(sentence)


@dataclass(frozen=True)
class Experiment:
    """One module of this package."""

    name: str
    promise: str
    databases: Sequence[DatabaseKind]
    run: Callable[[DatabaseKind, int], Figures]
    alone: bool = False
    together: bool = False
    computes: bool = False


def experiments() -> dict[str, Experiment]:
    """All experiments by name, in the alphabetical order of their modules. Raises: ValueError for two of one name."""
    found: dict[str, Experiment] = {}
    for place in sorted(pkgutil.iter_modules(__path__), key=lambda place: place.name):
        module = importlib.import_module(f"{__name__}.{place.name}")
        when = [getattr(module, word, False) for word in ("ALONE", "TOGETHER", "COMPUTES")]
        experiment = Experiment(module.NAME, module.PROMISE, module.DATABASES, module.run, *when)
        if experiment.name in found:
            raise ValueError(f"Two experiments are called {experiment.name}: rename {place.name}.py's.")
        found[experiment.name] = experiment
    return found
