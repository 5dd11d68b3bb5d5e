"""What the checks look at: every placed step with its kind, config, exits, templates and variables, worked out once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flows import form
from flows.check.finding import Finding, InstallationNames
from flows.document import END, Flow, PlacedStep
from flows.errors import FlowError
from flows.expression import ExpressionError, Template
from flows.form import TemplateUse
from flows.limits import Limits
from flows.step import FAILURE, Claim, Exit, Medium, Problem, Step, Trigger
from flows.values import ValueType
from flows.walk import Steps

T = TypeVar("T")
Sets = Sequence[tuple[str, ValueType | None, Sequence[str]]]


@dataclass
class Placed:
    """One placed step, with what its kind says about its config; `kind` is None when it is not installed."""

    step: PlacedStep
    kind: Step | None = None
    config: Mapping[str, Any] = field(default_factory=dict)  # in today's format of its kind
    is_sound: bool = False  # the config satisfies its schema, so that the kind could be asked about it
    exits: Sequence[Exit] = ()
    media: frozenset[Medium] = frozenset()  # where it works, as far as that is known
    fails: bool = True
    sets: Sets = ()
    limit: float | None = None  # seconds it waits at most; None when it never waits
    claims: Sequence[Claim] = ()
    templates: list[tuple[TemplateUse, Template]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its id in the flow."""
        return self.step.id

    @property
    def title(self) -> str:
        """What a finding calls it."""
        return f"“{self.step.name or self.step.id}”"

    @property
    def is_trigger(self) -> bool:
        """Whether runs begin here."""
        return isinstance(self.kind, Trigger)

    @property
    def waits(self) -> bool:
        """Whether a run that comes here may stop; it surely has when it goes on by any exit but those of `at_once`."""
        return self.kind is not None and self.kind.waits and (self.limit is not None or not self.is_sound)

    @property
    def at_once(self) -> frozenset[str]:
        """The exits of a step that waits by which a run may leave without having waited for anybody."""
        return self.kind.at_once | {FAILURE.id} if self.kind else frozenset()

    def blocking(self, code: str, field: str, sentence: str, mend: str) -> Finding:
        """A finding about this step that prevents publishing."""
        return Finding(code, "blocking", self.id, field, sentence, mend)

    def warning(self, code: str, field: str, sentence: str, mend: str) -> Finding:
        """A finding about this step that does not."""
        return Finding(code, "warning", self.id, field, sentence, mend)


class Survey:
    """A flow with its steps surveyed, for one installation."""

    def __init__(self, flow: Flow, steps: Steps, names: InstallationNames, limits: Limits) -> None:
        self.flow = flow
        self.steps = steps
        self.names = names
        self.limits = limits
        self.placed = {id: _surveyed(step, steps) for id, step in flow.steps.items()}
        self.triggers = [placed for placed in self.placed.values() if placed.is_trigger]

    def edges(self, id: str) -> Iterator[tuple[str, str]]:
        """(exit, step it leads to) for every wired exit that leads to a step there is."""
        for way, target in self.flow.steps[id].exits.items():
            if target != END and target in self.placed:
                yield way, target

    def reached(self, roots: Sequence[str]) -> set[str]:
        """All steps that exits lead to from some steps, these included."""
        found = {root for root in roots if root in self.placed}
        waiting = list(found)
        while waiting:
            for _, target in self.edges(waiting.pop()):
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return found


def _surveyed(step: PlacedStep, steps: Steps) -> Placed:
    placed = Placed(step, steps.get(step.type), step.config)
    kind = placed.kind
    if kind is None:
        placed.findings.append(
            placed.blocking(
                "unknown_type",
                "type",
                f"This installation has no step of the type “{step.type}”, which {placed.title} is.",
                "Install the plugin it comes from, or replace the step.",
            )
        )
        return placed
    if step.format > kind.format:
        placed.findings.append(
            placed.blocking(
                "newer_format",
                "type",
                f"{placed.title} was made by a newer version of “{kind.title}” than this installation has.",
                "Update the plugin, or place the step anew.",
            )
        )
        return placed
    if step.format < kind.format:
        placed.config = _asked(placed, lambda: kind.upgrade(step.config, step.format), step.config)
    _hold_against_schema(placed, kind)
    _compile_templates(placed, kind)
    if placed.is_sound:
        _ask_kind(placed, kind)
    else:  # so that a fault in one field does not make findings about variables elsewhere
        placed.sets = [(name, None, ()) for _, name in form.variable_names(kind.schema, placed.config)]
    return placed


def _hold_against_schema(placed: Placed, kind: Step) -> None:
    faults = form.validate(kind.schema, placed.config)
    placed.is_sound = not faults
    mend = "Correct this setting."
    placed.findings += [placed.blocking("bad_config", fault.path, fault.sentence, mend) for fault in faults]


def _compile_templates(placed: Placed, kind: Step) -> None:
    for use in form.templates(kind.schema, placed.config):
        try:
            placed.templates.append((use, Template.compile(use.source)))
        except ExpressionError as wrong:
            where = f" ({wrong.place})" if wrong.place else ""
            placed.findings.append(
                placed.blocking("bad_template", use.field, wrong.sentence, f"Correct the expression{where}.")
            )


def _ask_kind(placed: Placed, kind: Step) -> None:
    config = placed.config
    placed.exits = _asked(placed, lambda: tuple(kind.exits(config)), ())
    placed.media = _asked(placed, lambda: frozenset(kind.media_of(config)), kind.media)
    placed.fails = _asked(placed, kind.fails, True)
    placed.sets = _asked(placed, lambda: tuple(kind.variables(config)), ())
    placed.limit = _asked(placed, lambda: kind.effective_limit(config), None)
    if isinstance(kind, Trigger):
        placed.claims = _asked(placed, lambda: tuple(kind.claims(config)), ())
    problems: Sequence[Problem] = _asked(placed, lambda: tuple(kind.problems(config)), ())
    for problem in problems:
        placed.findings.append(
            Finding(problem.code, problem.severity, placed.id, problem.field, problem.sentence, problem.mend)
        )


def _asked(placed: Placed, question: Callable[[], T], otherwise: T) -> T:
    try:
        return question()
    except Exception as wrong:  # noqa: BLE001 - a door: the step may be a plugin's, whose code can raise anything
        said = str(wrong) if isinstance(wrong, FlowError) else f"{wrong!r}."
        sentence = f"The step type “{placed.step.type}” broke when asked about {placed.title}: {said}"
        finding = placed.blocking("step_broken", "type", sentence, "Tell the author of the step, or replace it.")
        if finding not in placed.findings:
            placed.findings.append(finding)
        return otherwise
