"""Stands for a plugin's step in our processes: described by its class, and every call of it goes to the step host.

The engine, the checks and the player do not know the difference: what goes wrong over there comes back as the failure
that a built-in step's would be, with the step's name (Refused), and no call costs more than its time.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from app.step_host import carrying
from app.step_host.bounding import bounded_outcome, cleaned
from app.step_host.copies import Died
from app.step_host.describing import class_words
from app.step_host.host import StepHost
from app.step_host.questions import QUESTIONS, read_answer
from flows import wire
from flows.ask import Answer, FlowVersion
from flows.context import Context
from flows.document import Flow
from flows.errors import FlowError, RegistryError
from flows.event import Event
from flows.outcomes import Refused
from flows.step import Claim, Config, Exit, Medium, Outcome, Problem, Step, Trigger
from flows.values import ValueType, canonical_json, in_one_line

T = TypeVar("T")
logger = logging.getLogger("patchbay.step_host")

_MOST_CONFIGS: Final = 512  # remembered per kind
_LONGEST_SUMMARY: Final = 500
_MOST_OVERRUNS: Final = 3  # one after the other
_LEFT_ALONE_SECONDS: Final = 30.0
# What reading a stranger's data raises.
_NONSENSE: Final = (FlowError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


class Link:
    """One kind's way to the step host: what it said of each config, and whether it is left alone for a while."""

    def __init__(self, host: StepHost, type: str, title: str, *, fails: bool) -> None:
        """`title` is the kind's own, for what is about no placed step."""
        self.type, self.title, self.fails = type, title, fails
        self._host = host
        self._lock = threading.Lock()
        self._known: dict[str, Mapping[str, Any]] = {}
        self._refused: dict[str, tuple[Refused, float]] = {}  # and until when it is not asked again
        self._overruns = 0
        self._alone_until = 0.0

    def call(self, do: str, title: str, asked: Mapping[str, Any], flow: Flow | None = None) -> Any:
        """The answer. Raises: Refused."""
        if time.monotonic() < self._alone_until:
            sentence = f"“{title}” was too slow {_MOST_OVERRUNS} times running, so its kind is left alone for a while."
            raise Refused("plugin_timeout", f"The step {sentence}")
        try:
            answer = self._host.call({**asked, "do": do, "type": self.type, "title": title}, flow)
        except Died as died:
            self._note(overran=died.kind == "plugin_timeout")
            logger.warning("The plugin step %s %s", self.type, died.sentence)
            raise Refused(died.kind, f"The step “{title}” {died.sentence}") from None
        self._note(overran=False)
        if answer.get("printed"):
            logger.debug("The plugin step %s printed: %r", self.type, answer["printed"])  # a contact's words perhaps
        refuse_told(answer, title)
        return answer.get("answer")

    def known(self, key: str, learnt: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What is remembered under a key, else learnt now. Raises: Refused, which is remembered for a while."""
        with self._lock:
            found, (refused, until) = self._known.get(key), self._refused.get(key, (None, 0.0))
        if found is not None:
            return found
        if refused is not None and time.monotonic() < until:
            raise Refused(refused.failure.kind, refused.failure.message)
        try:
            found = learnt()
        except Refused as problem:  # a check asks seven questions, and one that loops would take its time for each
            self._keep(self._refused, key, (problem, time.monotonic() + _LEFT_ALONE_SECONDS))
            raise
        self._keep(self._known, key, found)
        return found

    def _keep(self, place: dict[str, T], key: str, thing: T) -> None:
        with self._lock:
            if len(place) >= _MOST_CONFIGS:
                place.clear()
            place[key] = thing

    def _note(self, *, overran: bool) -> None:
        """A step that loops would take every call's whole time from whoever waits beside it."""
        with self._lock:
            self._overruns = self._overruns + 1 if overran else 0
            if self._overruns >= _MOST_OVERRUNS:
                self._overruns, self._alone_until = 0, time.monotonic() + _LEFT_ALONE_SECONDS


def refuse_told(answer: Mapping[str, Any], title: str) -> None:
    """Raises: Refused when the answer is an error."""
    error = answer.get("error")
    if isinstance(error, Mapping):
        raise Refused(str(error.get("kind", "step_error")), str(error.get("message", f"The step “{title}” broke.")))


class _PluginStep(Step):
    """A kind of step whose code runs in the step host."""

    _link: ClassVar[Link]

    def exits(self, config: Config) -> Sequence[Exit]:
        """As the plugin says."""
        exits: Sequence[Exit] = self._told("exits", config)
        return exits

    def fails(self) -> bool:
        """As the plugin said once."""
        return self._link.fails

    def media_of(self, config: Config) -> frozenset[Medium]:
        """As the plugin says."""
        media: frozenset[Medium] = self._told("media_of", config)
        return media

    def summary(self, config: Config) -> str:
        """As the plugin says, in one line that a canvas can show."""
        return in_one_line(str(self._told("summary", config)))[:_LONGEST_SUMMARY]

    def problems(self, config: Config) -> Iterable[Problem]:
        """As the plugin says."""
        problems: Sequence[Problem] = self._told("problems", config)
        return problems

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """As the plugin says."""
        variables: Sequence[tuple[str, ValueType | None, Sequence[str]]] = self._told("variables", config)
        return variables

    def effective_limit(self, config: Config) -> float | None:
        """As the plugin says."""
        limit: float | None = self._told("effective_limit", config)
        return limit

    def calls(self, config: Config) -> Sequence[FlowVersion]:
        """As the plugin says."""
        calls: Sequence[FlowVersion] = self._told("calls", config)
        return calls

    def upgrade(self, config: Config, format: int) -> Config:
        """As the plugin says."""

        def learnt() -> Mapping[str, Any]:
            found = cleaned(self._link.call("upgrade", self.title, {"config": config, "format": format}))
            if not isinstance(found, Mapping):
                raise Refused("step_error", f"The step “{self.title}” made no config of an older one.")
            return found

        return self._link.known(canonical_json(["upgrade", config, format]), learnt)

    def run(self, context: Context) -> Outcome:
        """In the step host."""
        return self._acted("run", context, {})

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """In the step host."""
        return self._acted("answered", context, {"answer": wire.to_data(answer)})

    def resume(self, context: Context, event: Event) -> Outcome:
        """In the step host."""
        return self._acted("resume", context, {})

    def _acted(self, do: str, context: Context, more: Mapping[str, Any]) -> Outcome:
        placed = context.flow.steps.get(context.step)
        title = (placed.name if placed else "") or context.step
        asked = {**more, "context": carrying.context_to_data(context)}
        acted = self._link.call(do, title, asked, context.flow)
        try:
            noted = carrying.noted_from_data(cleaned(acted["noted"]))
            context.inputs.update(noted.inputs)
            context.missing += [name for name in noted.missing if name not in context.missing]
            refuse_told(acted, title)
            return carrying.outcome_from_data(bounded_outcome(title, acted["outcome"]))
        except Refused:
            raise
        except _NONSENSE as problem:
            raise Refused("step_error", f"The step “{title}” returned what is no outcome. {problem}") from None

    def _told(self, question: str, config: Config) -> Any:
        def learnt() -> Mapping[str, Any]:
            found = cleaned(self._link.call("look", self.title, {"config": config, "questions": self._questions()}))
            if not isinstance(found, Mapping):
                raise Refused("step_error", f"The step “{self.title}” says nothing about its exits.")
            return found

        told = self._link.known(canonical_json(["look", config]), learnt)
        try:
            answer = told[question]
            refuse_told(answer, self.title)
            return read_answer(question, answer["answer"])
        except Refused:
            raise
        except _NONSENSE as problem:
            sentence = f"The step “{self.title}” cannot be asked for its {question}. {problem}"
            raise Refused("step_error", sentence) from None

    def _questions(self) -> list[str]:
        return [question for question in QUESTIONS if question != "claims" or isinstance(self, Trigger)]


class _PluginTrigger(_PluginStep, Trigger):
    """A trigger whose code runs in the step host."""

    def claims(self, config: Config) -> Sequence[Claim]:
        """As the plugin says."""
        claims: Sequence[Claim] = self._told("claims", config)
        return claims

    def matches(self, config: Config, context: Context) -> int | None:
        """As the plugin says; one that breaks does not match, so that other flows still get what came."""
        try:
            asked = {"context": {**carrying.context_to_data(context), "config": config}}
            score = self._link.call("matches", self.title, asked, context.flow)
        except Refused as refused:
            logger.warning("A trigger of a plugin matches nothing: %s", refused)
            return None
        return score if isinstance(score, int) and not isinstance(score, bool) else None


def kinds_of(host: StepHost) -> list[type[Step]]:
    """A class for every kind the host has. Raises: RegistryError."""
    return [_kind(host, described) for described in host.kinds()]


def _kind(host: StepHost, described: Mapping[str, Any]) -> type[Step]:
    try:
        link = Link(host, described["type"], described["title"], fails=bool(described["fails"]))
        parent = _PluginTrigger if described["is_trigger"] else _PluginStep
        return type(str(described["name"]), (parent,), {**class_words(described), "_link": link})
    except _NONSENSE as problem:
        raise RegistryError(f"A plugin's step describes itself so that it cannot be used: {problem}") from problem
