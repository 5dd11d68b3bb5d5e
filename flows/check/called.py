"""Flows that a flow runs: they must be there and published, get what they need, and never come back to themselves."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from flows import form
from flows.ask import FlowVersion
from flows.called import calls_by, calls_of, entry_of
from flows.check.finding import Finding, InstallationNames
from flows.check.survey import Placed, Survey
from flows.document import END, Flow, PlacedStep
from flows.step import Medium, Step, Trigger
from flows.walk import Steps

_NAMED = 8  # flows of a circle that a sentence can name
_COMPLETED = "completed"


def called(survey: Survey) -> Iterator[Finding]:
    """Findings about every placed step that runs a flow, and about what callers of this one may expect of it."""
    for placed, wanted in _calls(survey):
        flow = version_of(survey.names, wanted)
        if flow is None:
            yield from _not_there(survey, placed, wanted)
            continue
        if circle := _circle(survey, wanted):
            names = " → ".join(f"“{name}”" for name in circle[:_NAMED])
            sentence = f"{placed.title} runs a flow that comes back to this one: {names}."
            mend = "Lead back by an exit instead, or move what both need into a flow of its own."
            yield placed.blocking("calls_itself", "flow", sentence, mend)
        entry = entry_of(flow, survey.steps)
        if entry is None:
            sentence = f"{placed.title} runs the flow “{wanted.flow}”, which does not begin with “Called by a flow”."
            yield placed.blocking("not_callable", "flow", sentence, "Add that trigger there, or choose another flow.")
            continue
        yield from _inputs(placed, entry.config)
        yield from _ends(survey, placed, flow)
    yield from _own(survey)
    yield from _callers(survey)


def version_of(names: InstallationNames, wanted: FlowVersion) -> Flow | None:
    """The version that a step would enter; None when there is none."""
    return names.flows.get(wanted.flow, {}).get(int(wanted.version or 0))


def may_wait(flow: Flow, steps: Steps) -> bool:
    """Whether a run may stop in the flow, as far as it can be seen; one that runs others may."""
    for placed in flow.steps.values():
        kind = steps.get(placed.type)
        if kind is None or kind.waits:
            return True
    return any(calls_of(flow, steps))


def works_on(survey: Survey, placed: Placed) -> frozenset[Medium]:
    """Calls, messages or both: where a step works, and the flows that it runs."""
    media = placed.media or (placed.kind.media if placed.kind else frozenset())
    for flow in _entered(survey, placed):
        entry = entry_of(flow, survey.steps)
        kind = survey.steps.get(entry.type) if entry else None
        if entry is not None and kind is not None:
            media &= _media_of(kind, entry)
    return media


def may_talk(survey: Survey, placed: Placed) -> bool:
    """Whether a step talks to the contact, or runs a flow that does."""
    if placed.kind is not None and placed.kind.talks:
        return True
    kinds = (survey.steps.get(step.type) for flow in _entered(survey, placed) for step in flow.steps.values())
    return any(kind is not None and kind.talks for kind in kinds)


def _media_of(kind: Step, entry: PlacedStep) -> frozenset[Medium]:
    try:
        return frozenset(kind.media_of(entry.config))
    except Exception:  # noqa: BLE001 - a door: the step may be a plugin's; the check of its own flow finds it broken
        return kind.media


def _entered(survey: Survey, placed: Placed) -> Iterator[Flow]:
    """The flows a step runs, as far as they are known."""
    if placed.kind is not None and placed.is_sound:
        flows = (version_of(survey.names, wanted) for wanted in calls_by(placed.kind, placed.step))
        yield from (flow for flow in flows if flow is not None)


def _calls(survey: Survey) -> Iterator[tuple[Placed, FlowVersion]]:
    for step, wanted in calls_of(survey.flow, survey.steps):
        if survey.placed[step.id].is_sound:
            yield survey.placed[step.id], wanted


def _not_there(survey: Survey, placed: Placed, wanted: FlowVersion) -> Iterator[Finding]:
    """A flow of no such name is found with the other names."""
    if wanted.flow == survey.flow.name and not wanted.version:
        sentence = f"{placed.title} runs the flow in which it stands: “{wanted.flow}” → “{wanted.flow}”."
        mend = "Lead back by an exit instead, or move what is repeated into a flow of its own."
        yield placed.blocking("calls_itself", "flow", sentence, mend)
    elif wanted.flow in survey.names.flows:
        what = f"has no version {wanted.version}" if wanted.version else "is not published yet"
        sentence = f"{placed.title} runs the flow “{wanted.flow}”, which {what}."
        yield placed.blocking("not_published", "flow", sentence, "Publish it first, or choose another one.")


def _circle(survey: Survey, wanted: FlowVersion) -> list[str]:
    """The names on a way from this flow by that one back to it; empty when there is none, as far as can be seen."""
    home = survey.flow.name
    seen: set[FlowVersion] = set()
    ways = [(wanted, [home, wanted.flow])]
    while ways:
        at, names = ways.pop()
        if at.flow == home and not at.version:  # the latest version is this one as soon as it is published
            return names
        flow = None if at in seen else version_of(survey.names, at)
        seen.add(at)
        if flow is not None:
            ways += [(one, [*names, one.flow]) for _, one in calls_of(flow, survey.steps)]
    return []


def _inputs(placed: Placed, entry: Mapping[str, Any]) -> Iterator[Finding]:
    given = {row["name"] for row in placed.config.get("inputs", ())}
    known = _named(entry, "inputs")
    for name, row in known.items():
        if row.get("required") and name not in given:
            sentence = f"{placed.title} does not give “{name}”, which the flow cannot begin without."
            yield placed.blocking("input_missing", "inputs", sentence, "Add this input.")
    for name in sorted(given - set(known)):
        sentence = f"{placed.title} gives “{name}”, and the flow has no such input."
        yield placed.warning("input_unknown", "inputs", sentence, "Remove it, or correct its name.")


def _ends(survey: Survey, placed: Placed, flow: Flow) -> Iterator[Finding]:
    """The outcomes and outputs of the called flow against what the step does with them."""
    outcomes, outputs = _results(flow, survey.steps)
    ways = {way.id for way in placed.exits}
    for outcome in sorted(outcomes - ways):
        sentence = f"The flow that {placed.title} runs may end by “{outcome}”, and the step has no exit for that."
        yield placed.blocking("outcome_open", "outcomes", sentence, f"Add the outcome {outcome}.")
    for outcome in sorted(ways - outcomes - {_COMPLETED}):
        sentence = f"The flow that {placed.title} runs never ends by “{outcome}”."
        yield placed.warning("outcome_never", "outcomes", sentence, "Remove the outcome.")
    for row in placed.config.get("outputs", ()):
        if row["output"] not in outputs:
            sentence = f"The flow that {placed.title} runs never gives back “{row['output']}”."
            yield placed.warning("output_never", "outputs", sentence, "Correct its name, or add it to an “End” there.")


def _own(survey: Survey) -> Iterator[Finding]:
    """What this flow says it gives back, against what its ends do give."""
    entries = [one for one in survey.triggers if isinstance(one.kind, Trigger) and one.kind.called]
    for entry in entries[1:]:
        sentence = f"Another flow begins this one at one place, and {entry.title} is a second."
        yield entry.blocking("trigger_twice", "", sentence, "Remove one of them.")
    _, outputs = _results(survey.flow, survey.steps)
    for entry in entries:
        for index, row in enumerate(entry.config.get("outputs", ()) if entry.is_sound else ()):
            if row["name"] not in outputs:
                sentence = f"No “End” of this flow gives back “{row['name']}”, as {entry.title} says."
                mend = "Add it to an “End”, or remove it here."
                yield entry.warning("output_never", f"outputs.{index}.name", sentence, mend)


def _callers(survey: Survey) -> Iterator[Finding]:
    """Published flows that run this one, whatever is its latest version: what they would fail of from now on."""
    entry = entry_of(survey.flow, survey.steps)
    for caller in survey.names.callers:
        for step, wanted in calls_of(caller, survey.steps):
            if wanted != FlowVersion(survey.flow.name):
                continue
            if why := _breaks(survey, step, entry):
                sentence = f"“{step.name or step.id}” of the published flow “{caller.name}” would fail: {why}."
                mend = "Let that flow run a fixed version first, or publish it again at once."
                yield Finding("caller_breaks", "warning", entry.id if entry else "", "", sentence, mend)


def _breaks(survey: Survey, step: PlacedStep, entry: PlacedStep | None) -> str:
    """Why a placed step could not run this flow; empty when it can."""
    if entry is None:
        return "this one does not begin with “Called by a flow” any more"
    given = _named(step.config, "inputs")
    for name, row in _named(entry.config, "inputs").items():
        if row.get("required") and name not in given:
            return f"it does not give “{name}”"
    outcomes, _ = _results(survey.flow, survey.steps)
    open_ = sorted(outcomes - set(step.exits))
    return f"it has no exit for “{open_[0]}”" if open_ else ""


def _results(flow: Flow, steps: Steps) -> tuple[set[str], set[str]]:
    """How a flow may end, and the outputs it may give: its steps without exits say both, in `outcome` and `outputs`."""
    outcomes: set[str] = set()
    outputs: set[str] = set()
    for placed in flow.steps.values():
        kind = steps.get(placed.type)
        if placed.type == END and kind is not None:
            config = form.filled(kind.schema, placed.config)
            outcomes.add(str(config.get("outcome")))
            outputs |= set(_named(config, "outputs"))
    ends = chain.from_iterable(placed.exits.values() for placed in flow.steps.values())
    return outcomes | ({_COMPLETED} if END in ends else set()), outputs


def _named(config: Mapping[str, Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows of a config by their names; of one that is not as it should be, those that are."""
    found = config.get(key)
    rows = found if isinstance(found, list) else []
    return {row["name"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)}
