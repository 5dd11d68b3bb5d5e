"""Which variables have a value at each step: surely (on every way that leads there), or at least on some way.

A set of variables is an int with one bit for each, so that a thousand steps are worked out in milliseconds.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from flows.check.media import media_reach
from flows.check.survey import Placed, Survey
from flows.step import FAILURE


@dataclass(frozen=True)
class Edge:
    """A way from one step to another, with what is set on it surely and perhaps."""

    source: str
    exit: str  # empty: the caller hangs up
    target: str
    surely: int
    perhaps: int


class DataFlow:
    """The variables of a surveyed flow at the entry of every step that runs can reach."""

    def __init__(self, survey: Survey) -> None:
        names = sorted({name for placed in survey.placed.values() for name, _, _ in placed.sets})
        self.bits = {name: 1 << index for index, name in enumerate(names)}
        self._survey = survey
        self._on_call, _ = media_reach(survey)
        roots = [trigger.id for trigger in survey.triggers]
        edges = {id: list(self._edges(placed)) for id, placed in survey.placed.items()}
        self._into: dict[str, list[Edge]] = defaultdict(list)
        self._surely = self._worked_out(roots, edges)
        for id in self._surely:
            for edge in edges[id]:
                self._into[edge.target].append(edge)
        self._perhaps = self._gathered(roots, edges)

    def is_reached(self, id: str) -> bool:
        """Whether a run can come to the step."""
        return id in self._surely

    def is_sure(self, id: str, name: str) -> bool:
        """Whether the variable is set on every way to the step."""
        return bool(self._surely[id] & self.bits[name])

    def is_possible(self, id: str, name: str) -> bool:
        """Whether the variable is set on some way to the step."""
        return bool(self._perhaps[id] & self.bits[name])

    def gap(self, id: str, name: str) -> Edge | None:
        """A way into the step on which the variable may be missing; None when runs begin there."""
        bit = self.bits[name]
        return next((edge for edge in self._into[id] if not (self._surely[edge.source] | edge.surely) & bit), None)

    def _worked_out(self, roots: list[str], edges: dict[str, list[Edge]]) -> dict[str, int]:
        """Surely set at entry: what all ways agree on, narrowed down until nothing changes."""
        surely = dict.fromkeys(roots, 0)
        waiting = list(roots)
        for id in waiting:
            for edge in edges[id]:
                brought = surely[id] | edge.surely
                known = surely.get(edge.target)
                agreed = brought if known is None else known & brought
                if agreed != known:
                    surely[edge.target] = agreed
                    waiting.append(edge.target)
        return surely

    def _gathered(self, roots: list[str], edges: dict[str, list[Edge]]) -> dict[str, int]:
        """Perhaps set at entry: what any way brings."""
        perhaps = dict.fromkeys(self._surely, 0)
        waiting = list(self._surely)
        for id in waiting:
            for edge in edges[id]:
                brought = perhaps[edge.target] | perhaps[id] | edge.perhaps
                if brought != perhaps[edge.target]:
                    perhaps[edge.target] = brought
                    waiting.append(edge.target)
        return perhaps

    def _edges(self, placed: Placed) -> Iterator[Edge]:
        perhaps = self._mask(name for name, _, _ in placed.sets)
        for way, target in self._survey.edges(placed.id):
            yield Edge(placed.id, way, target, self._set_on(placed, way), perhaps)
        flow = self._survey.flow
        inherits = placed.fails and FAILURE.id not in placed.step.exits and placed.id != flow.on_failure
        if inherits and flow.on_failure in self._survey.placed:
            yield Edge(placed.id, FAILURE.id, flow.on_failure, self._set_on(placed, FAILURE.id), perhaps)
        if placed.waits and placed.id in self._on_call and flow.on_hang_up in self._survey.placed:
            yield Edge(placed.id, "", flow.on_hang_up, 0, perhaps)

    def _set_on(self, placed: Placed, way: str) -> int:
        return self._mask(name for name, _, exits in placed.sets if way in exits)

    def _mask(self, names: Iterator[str]) -> int:
        mask = 0
        for name in names:
            mask |= self.bits[name]
        return mask
