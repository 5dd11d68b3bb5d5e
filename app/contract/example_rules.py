"""The rules about one example: it is lived through by the real interpreter, and watched while it is."""

from collections.abc import Callable, Iterator
from typing import Final, get_args

from app.contract.fault import Fault
from app.contract.purity import watched
from app.contract.visit import Visit
from flows.check import InstallationNames, check
from flows.document import END, from_data, to_data
from flows.failing import ENGINE_ERRORS
from flows.form import validate
from flows.step import Example, Step, Trigger
from flows.values import ValueType
from flows.walk import Steps

AboutExample = Callable[[Step, Example, Steps], Iterator[Fault]]
EXPLAINED: Final = frozenset(ENGINE_ERRORS)
_OF_ITS_CONFIG: Final = frozenset(
    {"bad_config", "step_broken", "open_exit", "exit_gone", "exit_twice", "wait_without_limit"}
)


def begun(step: Step, example: Example, steps: Steps) -> Visit:
    """The example before anything happens in it."""
    contact, variables, on_call = example.contact, example.variables, example.on_call
    return Visit(step.type, example.config, contact, variables, on_call=on_call, kept=example.kept, steps=steps)


def lived(step: Step, example: Example, steps: Steps) -> Visit:
    """The example, lived through."""
    return begun(step, example, steps).feed_all(example.turns)


def passes(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """Its config fits the form, and it ends as it says."""
    for wrong in validate(step.schema, example.config):
        yield Fault(f"{example.title}, {wrong.path}", wrong.sentence, "Correct the example's config, or the form.")
    visit = lived(step, example, steps)
    if visit.error == "step_error" != example.error:
        yield Fault(example.title, visit.message, _MEND, step_broke=True)
        return
    if (visit.left_by, visit.error) != (example.leaves_by, example.error):
        said = f" ({visit.error}: {visit.message})" if visit.error else ""
        sentence = f"It leaves by “{visit.left_by}”{said}, and the example says “{example.leaves_by}”"
        yield Fault(example.title, f"{sentence}{f' ({example.error})' if example.error else ''}.", _MEND)
    if example.sets is not None and visit.sets != example.sets:
        yield Fault(example.title, f"It sets {dict(visit.sets)}, and the example says {dict(example.sets)}.", _MEND)
    if example.effects is not None and list(visit.effects) != list(example.effects):
        sentence = f"Its effects are {list(visit.effects)}, and the example says {list(example.effects)}."
        yield Fault(example.title, sentence, _MEND)


_MEND: Final = "Correct the step, or the example."


def leaves_only_by_its_exits(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """It names each exit once, and `failure` never: every step has that."""
    ways = [way.id for way in step.exits(example.config)]
    if len(ways) != len(set(ways)):
        yield Fault(example.title, f"An exit stands twice in {', '.join(ways)}.", "Name each exit once.")
    if "failure" in ways:
        yield Fault(example.title, "It names the exit “failure”, which every step has.", "Leave it out of `exits`.")
    taken = lived(step, example, steps).left_by
    if taken not in {None, END, *ways, *(["failure"] if step.fails() else [])}:
        yield Fault(example.title, f"It leaves by “{taken}”, which it does not name.", "Name it in `exits`.")


def leaves_at_once_as_it_says(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """An exit that a waiting step takes without a wait stands in `at_once`."""
    visit = begun(step, example, steps)
    stopped = visit.run.status == "waiting"
    for turn in example.turns:
        stopped |= visit.feed(turn).run.status == "waiting"
    if step.effective_limit(example.config) is None or visit.left_by is None or stopped:
        return
    if visit.left_by not in {*step.at_once, "failure"}:
        yield Fault(example.title, f"It leaves by “{visit.left_by}” without waiting.", "Name that exit in `at_once`.")


def sets_what_it_says(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """`variables` names all that it sets, and the exits on which it surely does."""
    said = {name: exits for name, _, exits in step.variables(example.config)}
    now = set(lived(step, example, steps).run.variables)
    for name in sorted(now - set(example.variables) - set(said)):
        yield Fault(example.title, f"It sets “{name}”, which `variables` does not name.", "Name it there.")
    for name in sorted({name for name, exits in said.items() if example.leaves_by in exits} - now):
        sentence = f"`variables` says that “{name}” is set on “{example.leaves_by}”, and it is not."
        yield Fault(example.title, sentence, "Set it, or leave that exit out.")
    for name, kind, _ in step.variables(example.config):
        if kind is not None and kind not in get_args(ValueType):
            yield Fault(example.title, f"“{name}” is of the type “{kind}”.", f"Use {', '.join(get_args(ValueType))}.")


def has_nothing_to_mend_in_a_flow(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """Placed in a flow with its exits wired, the checks find nothing about it; the flow is written and read again."""
    placed: dict[str, dict[str, object]] = {
        "it": {
            "type": step.type,
            "config": dict(example.config),
            "exits": {way.id: END for way in step.exits(example.config)},
            "format": step.format,
        }
    }
    if not isinstance(step, Trigger):
        start = "incoming_call" if example.on_call else "incoming_message"
        placed["start"] = {"type": start, "config": {"numbers": ["line"]}, "exits": {"next": "it"}}
    flow = from_data({"format": 1, "name": "Example", "languages": ["en"], "steps": placed})
    for finding in check(flow, steps, InstallationNames()):
        if finding.step == "it" and finding.code in _OF_ITS_CONFIG:
            yield Fault(example.title, finding.sentence, finding.mend)
    if from_data(to_data(flow)) != flow:
        yield Fault(example.title, "Its config changes when the flow is written and read.", "Use plain JSON data.")


def explains_its_error(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """An error has a sentence, and only the exit `failure` has an error."""
    visit = lived(step, example, steps)
    if (visit.error is not None) != (visit.left_by == "failure"):
        yield Fault(example.title, f"It leaves by “{visit.left_by}” with the error {visit.error}.", _MEND)
    if visit.error is not None and not visit.message.endswith((".", "?", "!")):
        yield Fault(example.title, f"“{visit.message}” is no sentence.", "End it with a full stop.")


def asks_no_clock_chance_or_socket(step: Step, example: Example, steps: Steps) -> Iterator[Fault]:
    """A turn that is computed again must come to the same end."""
    lived(step, example, steps)  # what is compiled or loaded once is not the step's doing
    with watched() as asked:
        lived(step, example, steps)
    for place in dict.fromkeys(asked):
        mend = "Use `context.now`, a hash of the run's id, or an Ask; a step is a calculation."
        yield Fault(example.title, f"It asked {place}.", mend)


ABOUT_EXAMPLE: Final[tuple[AboutExample, ...]] = (
    passes,
    leaves_only_by_its_exits,
    leaves_at_once_as_it_says,
    sets_what_it_says,
    has_nothing_to_mend_in_a_flow,
    explains_its_error,
    asks_no_clock_chance_or_socket,
)
