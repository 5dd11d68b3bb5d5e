"""The tests in the document: what nobody can run, and what names a step or an exit that is gone."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows import form
from flows.check.finding import Finding
from flows.check.survey import Survey
from flows.step import FAILURE
from flows.testing import faults_of

_OF_A_STEP = ("exit", "fails", "visits", "waits")


def tested(survey: Survey) -> Iterator[Finding]:
    """Findings about the flow's tests; none of them prevents publishing."""
    for fault in faults_of(survey.flow, survey.steps):
        title = survey.flow.tests[int(fault.path.split(".")[1])]["name"]
        sentence = f"The test “{title}” cannot be run: {fault.sentence}"
        yield Finding("test_broken", "warning", "", fault.path, sentence, "Correct the test.")
    if any(_calls_flows(survey)):
        return  # a test may name the steps of the flows that are called
    for index, test in enumerate(survey.flow.tests):
        for place, named in _named(test):
            yield from _gone(survey, str(test["name"]), f"tests.{index}.{place}", named)


def _named(test: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(place, "step" or "step.exit") of what a test names."""
    for step in test.get("answers", {}):
        yield f"answers.{step}", step
    for n, turn in enumerate(test["turns"]):
        for m, expected in enumerate(turn.get("expect", ())):
            for word in _OF_A_STEP:
                if isinstance(expected, dict) and isinstance(expected.get(word), str):
                    told = expected[word]
                    yield f"turns.{n}.expect.{m}.{word}", told if word == "exit" else told.partition(".")[0]


def _gone(survey: Survey, title: str, place: str, named: str) -> Iterator[Finding]:
    step, _, way = named.partition(".")
    if step not in survey.placed:
        sentence = f"The test “{title}” names the step “{step}”, which the flow has not (any more)."
        yield Finding("test_step_missing", "warning", "", place, sentence, "Name another step, or take it out.")
        return
    placed = survey.placed[step]
    known = {one.id for one in placed.exits} | {FAILURE.id, *placed.step.exits}
    if way and placed.is_sound and way not in known:
        sentence = f"The test “{title}” names the exit “{way}”, which {placed.title} has not (any more)."
        yield Finding("test_exit_missing", "warning", "", place, sentence, "Name another exit, or take it out.")


def _calls_flows(survey: Survey) -> Iterator[bool]:
    for placed in survey.placed.values():
        if placed.kind is not None:
            yield any(reference.kind == "flow" for reference in form.references(placed.kind.schema, placed.config))
