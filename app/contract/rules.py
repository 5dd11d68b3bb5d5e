"""The rules of the contract, each about a step or about one of its examples; every step is held against all of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from app.contract.example_rules import ABOUT_EXAMPLE, EXPLAINED
from app.contract.fault import Fault
from flows.errors import SchemaError
from flows.form import check_schema, filled, validate
from flows.registry import Registry
from flows.step import Step
from flows.walk import Steps

__all__ = ["ABOUT_EXAMPLE", "ABOUT_STEP", "faults_in", "faults_of"]

AboutStep = Callable[[Step], Iterator[Fault]]


def form_can_be_drawn(step: Step) -> Iterator[Fault]:
    """Its schema is of the kinds that a form can draw."""
    try:
        check_schema(step.schema)
    except SchemaError as problem:
        yield Fault("schema", f"The form cannot be drawn. {problem}", "Use the fields of flows.form.")


def carries_no_state(step: Step) -> Iterator[Fault]:
    """One instance serves all flows."""
    for name in vars(step):
        yield Fault("", f"The instance has an attribute “{name}”.", "Keep what a run needs in variables or in `keep`.")


def explains_itself(step: Step) -> Iterator[Fault]:
    """Help is one paragraph; every error kind has its sentence; there are examples."""
    if "\n\n" in (step.__doc__ or "").strip():
        yield Fault("docstring", "The help has more than one paragraph.", "Say it in one.")
    if not step.examples:
        yield Fault("examples", "There is no example.", "Add one for each exit: they are help and tests.")
    for kind, sentence in step.errors.items():
        if not sentence.endswith("."):
            yield Fault(f"errors, {kind}", f"“{sentence}” is no sentence.", "End it with a full stop.")
    for example in step.examples:
        if example.error and example.error not in {*step.errors, *EXPLAINED}:
            yield Fault(example.title, f"The error kind “{example.error}” is not explained.", "Name it in `errors`.")


def every_exit_is_reached(step: Step) -> Iterator[Fault]:
    """By an example; of the exits that a config makes one stands for all."""
    mend = "Add an example that leaves by it."
    reached = {example.leaves_by for example in step.examples}
    always = {way.id for way in step.exits({})}
    wanted: set[str] = set()
    for example in step.examples:
        ways = {way.id for way in step.exits(example.config)}
        made = ways - always
        if made and not made & reached:
            yield Fault(example.title, f"No example leaves by any of {', '.join(sorted(made))}.", mend)
        wanted |= ways & always
    for way in sorted(wanted - reached):
        yield Fault("examples", f"No example leaves by “{way}”.", mend)
    if step.fails() and step.errors and "failure" not in reached:
        yield Fault("examples", "No example leaves by “failure”.", mend)


def stands_an_unfinished_config(step: Step) -> Iterator[Fault]:
    """While its form is being filled in, its exits and its line on the canvas are shown already."""
    mend = "Read the config by `config.get`, with what is shown meanwhile."
    asked: Mapping[str, Callable[[], object]] = {
        "exits": lambda: list(step.exits({})),
        "summary": lambda: step.summary({}).strip(),
        "variables": lambda: list(step.variables({})),
        "effective_limit": lambda: step.effective_limit({}),
        "media_of": lambda: step.media_of({}),
    }
    for name, question in asked.items():
        try:
            told = question()
            if name == "variables" and told:
                yield Fault(name, "It sets a variable before its config names one.", mend)
        except Exception as problem:  # noqa: BLE001  a door to the code under test
            yield Fault(name, f"It breaks on an empty config ({type(problem).__name__}: {problem}).", mend)


def todays_config_needs_no_upgrade(step: Step) -> Iterator[Fault]:
    """Upgrading is for older formats only."""
    for example in step.examples:
        if step.upgrade(example.config, step.format) != example.config:
            yield Fault(example.title, "`upgrade` changes a config of today's format.", "Change older formats only.")
        if validate(step.schema, filled(step.schema, example.config)):
            yield Fault(example.title, "With its defaults the config does not fit the form.", "Correct the defaults.")


def sums_itself_up_in_a_line(step: Step) -> Iterator[Fault]:
    """What the canvas shows."""
    for example in step.examples:
        summary = step.summary(example.config)
        if not summary or "\n" in summary:
            yield Fault(example.title, f"The summary is {summary!r}.", "Return one line that says what this step does.")


def says_how_long_it_waits(step: Step) -> Iterator[Fault]:
    """`waits` and `effective_limit` tell the same."""
    limited = any(step.effective_limit(example.config) is not None for example in step.examples)
    if step.waits != limited:
        mend = "Set `waits = True` and return the seconds of the longest wait, or neither."
        yield Fault("effective_limit", "`waits` and `effective_limit` contradict each other.", mend)


ABOUT_STEP: Final[tuple[AboutStep, ...]] = (
    form_can_be_drawn,
    carries_no_state,
    explains_itself,
    stands_an_unfinished_config,
    sums_itself_up_in_a_line,
    every_exit_is_reached,
    todays_config_needs_no_upgrade,
    says_how_long_it_waits,
)


def faults_of(step: Step, steps: Steps) -> Iterator[Fault]:
    """All that is wrong with a step; `steps` has it, and the built-in triggers. A rule that breaks is a fault too."""
    for about_step in ABOUT_STEP:
        yield from _held("", about_step(step))
    causes: set[str] = set()
    for example in step.examples:
        for about_example in ABOUT_EXAMPLE:
            found = list(_held(example.title, about_example(step, example, steps)))
            yield from (fault for fault in found if fault.sentence not in causes)
            broke = {fault.sentence for fault in found if fault.step_broke}
            causes |= broke
            if broke:
                break


def faults_in(kind: type[Step]) -> list[Fault]:
    """All that is wrong with a class, for the tests of a plugin. Raises: RegistryError, when it cannot even be read."""
    registry = Registry.discover(["steps"], [kind])
    step = registry.get(kind.type)
    return list(faults_of(step, registry)) if step else []


def _held(place: str, found: Iterator[Fault]) -> Iterator[Fault]:
    try:
        yield from found
    except Exception as problem:  # noqa: BLE001  a door to the code under test, which can raise anything
        yield Fault(place, f"The step broke ({type(problem).__name__}: {problem}).", "Mend its code.", step_broke=True)
