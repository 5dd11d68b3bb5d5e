"""Versions and steps as people call them: a stored trace and a run name the rows of versions, which nobody knows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FlowRow, Version
from flows import document
from flows.ask import FlowVersion
from flows.document import Flow
from flows.wire import kind_of

Visit = Mapping[str, Any]
"""One entry of a trace."""
Titles = Mapping[tuple[int | None, str], str]
"""What people call a step of a version's row."""

_ENTERS: Final = kind_of(FlowVersion)


@dataclass(frozen=True)
class Called:
    """A version by its flow's name and its number, with what is drawn in it; a draft that is tried has no number."""

    flow: str
    number: int | None
    drawn: Flow

    def place(self, step: str) -> dict[str, Any]:
        """A step of it, with the name that its author gave it."""
        placed = self.drawn.steps.get(step)
        title = (placed.name if placed else "") or step
        return {"flow": self.flow, "version": self.number, "step": step, "title": title}


def called(session: Session, rows: Iterable[str]) -> Mapping[str, Called]:
    """The versions of these rows, by the row's id as a run writes it."""
    query = select(Version.id, FlowRow.name, Version.number, Version.document).join(FlowRow)
    found = session.execute(query.where(Version.id.in_({int(row) for row in rows})))
    return {str(id_): Called(flow, number, document.read(stored)) for id_, flow, number, stored in found}


def visits_data(session: Session, traces: Sequence[Sequence[Visit]]) -> list[list[dict[str, Any]]]:
    """The visits of recorded traces, each with its flow, the number of its version and its step's title."""
    versions = called(session, {row for visits in traces for visit in visits for row in rows_of(visit)})
    return [[visit_data(visit, versions) for visit in visits] for visits in traces]


def visit_data(visit: Visit, versions: Mapping[str, Called]) -> dict[str, Any]:
    """A visit by names."""
    shown = {**visit, **versions[visit["version"]].place(visit["step"])}
    if visit.get("enters"):
        shown["enters"] = _named(versions[visit["enters"]])
    if "asks" in visit:
        shown["asks"] = [_ask(asked, versions) for asked in visit["asks"]]
    return shown


def rows_of(visit: Visit) -> Iterable[str]:
    """The versions that a visit names: its own, and those that it entered."""
    yield visit["version"]
    if visit.get("enters"):
        yield visit["enters"]
    for asked in visit.get("asks", ()):
        if row := _entered(asked):
            yield row


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


def _entered(asked: Mapping[str, Any]) -> str:
    """The version that a flow's name was answered with, empty for another request and where there was none.

    An older release hid those digits of it that a private variable had too.
    """
    if asked["request"].get("kind") != _ENTERS or not isinstance(asked.get("answer"), Mapping):
        return ""
    row = str(asked["answer"].get("version", ""))
    return row if row.isdecimal() else ""


def _ask(asked: Mapping[str, Any], versions: Mapping[str, Called]) -> Mapping[str, Any]:
    row = _entered(asked)
    return {**asked, "answer": {**asked["answer"], **_named(versions[row])}} if row else asked


def _named(one: Called) -> dict[str, Any]:
    return {"flow": one.flow, "version": one.number}
