"""Circles that never wait, and waits that never end."""

import math
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from flows.called import calls_by
from flows.check.called import may_wait, version_of
from flows.check.finding import Finding
from flows.check.survey import Placed, Survey

_NAMED = 8  # steps of a circle that a sentence can name
_MOST_CIRCLES = 20  # more at once help nobody, and each costs a walk over the flow


def cycles(survey: Survey) -> Iterator[Finding]:
    """A circle is harmless when a run surely stops in it, or when a `loop` bounds it."""
    for placed in survey.placed.values():
        if placed.limit is not None and math.isinf(placed.limit):
            sentence = f"{placed.title} may wait for ever."
            yield placed.blocking("wait_without_limit", "", sentence, "Give it a time limit.")
    for circle in _circles(survey):
        names = [survey.placed[id].title for id in circle]
        shown = names if len(names) <= _NAMED else [*names[: _NAMED - 1], "…"]
        yield survey.placed[circle[0]].blocking(
            "endless_cycle",
            "",
            f"The flow can go round for ever without waiting for anybody: {' → '.join([*shown, names[0]])}.",
            "Put a step that waits for the contact or for people into the circle, or a loop with a maximum, "
            "or lead one exit out of it.",
        )


def _circles(survey: Survey) -> Iterator[list[str]]:
    """Circles that have no step in common, each in the order a run would go."""
    edges = {id: list(_without_wait(survey, survey.placed[id])) for id in sorted(survey.placed)}
    for _ in range(_MOST_CIRCLES):
        try:
            TopologicalSorter(edges).prepare()
            return
        except CycleError as error:
            circle: list[str] = error.args[1][:0:-1]  # it names the first step at both ends, and goes backwards
            start = circle.index(min(circle))
            yield circle[start:] + circle[:start]
            edges = {
                id: [one for one in targets if one not in circle] for id, targets in edges.items() if id not in circle
            }


def _without_wait(survey: Survey, placed: Placed) -> Iterator[str]:
    """The steps a run may come to from a step without having stopped in it."""
    if placed.step.type == "loop" or _runs_what_may_wait(survey, placed):
        return
    for way, target in survey.edges(placed.id):
        if not placed.waits or way in placed.at_once:
            yield target


def _runs_what_may_wait(survey: Survey, placed: Placed) -> bool:
    """Whether a step runs another flow, and a run may stop in that; one that is not known may."""
    if placed.kind is None or not placed.is_sound:
        return False
    flows = [version_of(survey.names, wanted) for wanted in calls_by(placed.kind, placed.step)]
    return any(flow is None or may_wait(flow, survey.steps) for flow in flows)
