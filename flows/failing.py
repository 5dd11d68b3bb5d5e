"""Failures: the kinds the engine itself gives, and what the installation does when a flow has no answer of its own."""

import re
from collections.abc import Mapping, Sequence

from flows.context import Context
from flows.document import Flow, PlacedStep
from flows.effect import Dial, Effect, EnterQueue, HangUp, LeaveQueue, Say, SendMessage
from flows.form import validate
from flows.step import Failure, Step

ENGINE_ERRORS: Mapping[str, str] = {
    "step_missing": "The step's type is not installed here, or it was made by a newer version of it.",
    "exit_missing": "The step left by an exit that leads nowhere.",
    "step_error": "The step's own code broke.",
    "plugin_timeout": "A plugin's step was not done after 5 s, and was stopped.",
    "plugin_memory": "A plugin's step used more than 512 MiB of memory.",
    "plugin_died": "A plugin's step ended the process that it ran in.",
    "expression_error": "An expression could not be worked out.",
    "too_large": "A text or variable would be larger than allowed, or the answers to one turn are.",
    "too_many_variables": "The run would hold more variables than allowed.",
    "call_ended": "There is no caller on the line (any more).",
    "wait_too_long": "The step would wait longer than allowed.",
    "run_too_long": "The run visited more steps than allowed.",
    "loop_detected": "The flow goes round in a circle without ever waiting.",
    "run_too_old": "The run began longer ago than allowed.",
    "not_callable": "The flow has no trigger at which another flow could run it.",
    "depth_exceeded": "Flows call each other deeper than allowed.",
}

LONGEST_MESSAGE = 500
# Where Python would show an object's place in memory: it differs from process to process, so a replay would too.
_PLACE_IN_MEMORY = re.compile(r" at 0x[0-9a-f]+", re.IGNORECASE)


def broken(title: str, problem: BaseException) -> Failure:
    """The failure of a step whose code raised something it should not."""
    said = _PLACE_IN_MEMORY.sub("", str(problem)).splitlines()
    because = f"{type(problem).__name__}: {said[0]}" if said else type(problem).__name__
    return Failure("step_error", f"The step “{title}” broke ({because[:LONGEST_MESSAGE]}).")


def unfinished(title: str, kind: Step | None, placed: PlacedStep | None) -> Failure | None:
    """Why a step may have broken that its author has not filled in yet, as in a draft that is tried; else None."""
    if kind is None or placed is None or placed.format != kind.format:
        return None
    faults = validate(kind.schema, placed.config)
    if not faults:
        return None
    return Failure("step_error", f"“{title}” is not filled in: {faults[0].sentence}"[:LONGEST_MESSAGE])


def cycle(flows: Mapping[str, Flow], root: Flow, path: Sequence[str]) -> str:
    """The last circle in a run's path, by the steps' names, as "Ask again → Check → Ask again"; a step of a called flow
    has the flow's name before it."""
    return " → ".join(_step_name(flows, root, place) for place in last_circle(path))


def last_circle(path: Sequence[str]) -> Sequence[str]:
    """What lies between the last entry of a path and the one before that is the same, with both; else all."""
    before = next((index for index in range(len(path) - 2, -1, -1) if path[index] == path[-1]), 0)
    return path[before:]


def _step_name(flows: Mapping[str, Flow], root: Flow, place: str) -> str:
    version, _, step = place.rpartition("/")
    flow = flows.get(version) if version else root
    name = flow.steps[step].name or step if flow and step in flow.steps else step
    return f"{flow.name}: {name}" if flow and version else name


def way_out(context: Context, failure: Failure) -> tuple[Effect, ...]:
    """The installation's default: apologise, let the caller out, hand the conversation to people."""
    facts = context.facts
    effects: list[Effect] = []
    if context.run.in_queue:
        effects.append(LeaveQueue("cancelled"))
    language, apology = _apology(context)
    if context.on_call:
        if apology:
            effects.append(Say(apology, language=language))
        effects.append(Dial(number=facts.fallback_number) if facts.fallback_number else HangUp())
    elif apology:
        effects.append(SendMessage(apology, language=language))
    effects.append(EnterQueue(facts.fallback_queue, run_waits=False, reason=f"failed: {failure.kind}"))
    return tuple(effects)


def _apology(context: Context) -> tuple[str, str]:
    texts = context.facts.apology
    wanted = (context.facts.language, context.language, min(texts, default=""))
    language = next((one for one in wanted if texts.get(one)), "")
    return language, texts.get(language, "")
