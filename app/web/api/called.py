"""Versions and steps as people call them: a stored trace and a run name the rows of versions, which nobody knows."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FlowRow, Version
from flows import document
from flows.document import Flow
from flows.run import Run
from flows.secrecy import private_texts
from flows.values import Value

Titles = Mapping[tuple[int | None, str], str]
"""What people call a step of a version's row."""


class CalledVersionData(TypedDict):
    """A flow and the number of its version; null for a draft that is tried."""

    flow: str
    version: int | None


class StepPlaceData(CalledVersionData):
    """A step of a flow's version; `title` is the name that its author gave it, or else its id."""

    step: str
    title: str


@dataclass(frozen=True)
class Called:
    """A version by its flow's name and its number, with what is drawn in it; a draft that is tried has no number."""

    flow: str
    number: int | None
    drawn: Flow

    @property
    def named(self) -> CalledVersionData:
        """Its names alone."""
        return {"flow": self.flow, "version": self.number}

    def place(self, step: str) -> StepPlaceData:
        """A step of it, with the name that its author gave it."""
        placed = self.drawn.steps.get(step)
        title = (placed.name if placed else "") or step
        return {"flow": self.flow, "version": self.number, "step": step, "title": title}


def called(session: Session, rows: Iterable[str]) -> Mapping[str, Called]:
    """The versions of these rows, by the row's id as a run writes it."""
    query = select(Version.id, FlowRow.name, Version.number, Version.document).join(FlowRow)
    found = session.execute(query.where(Version.id.in_({int(row) for row in rows})))
    return {str(id_): Called(flow, number, document.read(stored)) for id_, flow, number, stored in found}


def titles(session: Session, places: Iterable[tuple[int | None, str]]) -> Titles:
    """The names that authors gave to these steps of versions' rows; a step without one is called by its id."""
    wanted = set(places)
    named: dict[tuple[int | None, str], str] = {place: place[1] for place in wanted}
    query = select(Version.id, Version.document).where(Version.id.in_({row for row, _ in wanted if row is not None}))
    for row, stored in session.execute(query.execution_options(yield_per=20)):  # one may have a megabyte
        steps = json.loads(stored)["steps"]
        for place in [place for place in wanted if place[0] == row]:
            named[place] = steps.get(place[1], {}).get("name") or place[1]
    return named


def private_of(run: Run, versions: Mapping[str, Called]) -> tuple[str, ...]:
    """What the private variables of the run's flows hold, as texts."""
    return private_texts((versions[version].drawn, values) for version, values in _scopes(run) if version in versions)


def _scopes(run: Run) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The version of each flow on the stack with its variables: those of the last one are the run's."""
    for frame in run.stack[:-1]:
        yield frame.version, frame.variables
    for frame in run.stack[-1:]:
        yield frame.version, run.variables
