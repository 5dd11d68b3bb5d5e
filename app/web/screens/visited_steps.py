"""The steps that a run went through, as its page shows them: by the names that their author gave, the latest first."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.models import RunRow, TurnRow
from app.web.api.called import Called, called
from app.web.api.run_queries import turns
from flows.errors import FlowError
from flows.registry import Registry
from flows.todays_config import todays_config
from flows.trace import Entry

Place = tuple[int, int]
"""Where a visit stands: its turn's number, and its place in that turn's trace."""
END: Final[Place] = (2**53, 0)
"""After every visit."""
_TURNS_AT_ONCE: Final = 10
_UNFIT: Final = (
    FlowError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)  # what a config of long ago may raise today


@dataclass(frozen=True)
class Visited:
    """One visit of a step, as the trace has it; `at` is when its turn was committed."""

    place: Place
    at: datetime
    entry: Entry


@dataclass(frozen=True)
class ShownStep:
    """A visit in words. `called` names its flow when that is not the run's own, `enters` the flow that it called;
    `way` is the exit, empty where it left by none; `attempts` counts the requests that it made."""

    title: str
    called: str
    way: str
    waited: bool
    enters: str
    attempts: int
    failure: str
    at: datetime


def visits(session: Session, run_id: int, before: Place = END) -> Iterator[Visited]:
    """The visits of a run before a place, the latest first; turns are read as far as somebody looks."""
    turn, below = before
    while rows := session.execute(
        turns(run_id).where(TurnRow.number <= turn).order_by(TurnRow.number.desc()).limit(_TURNS_AT_ONCE)
    ).all():
        for number, trace, at, _ in rows:
            entries = json.loads(trace)
            most = below if number == before[0] else len(entries)
            for index in reversed(range(min(most, len(entries)))):
                yield Visited((number, index), at, entries[index])
            turn = number - 1


def shown_steps(session: Session, steps: Registry, run: RunRow, visited: Sequence[Visited]) -> list[ShownStep]:
    """These visits of a run in words; each version is read once."""
    entries = [one.entry for one in visited]
    versions = called(session, {row for entry in entries for row in (entry["version"], entry.get("enters")) if row})
    return [_shown(steps, run, one, versions) for one in visited]


def title(steps: Registry, version: Called, step: str) -> str:
    """What its author calls a step; one without a name is called as its kind."""
    placed = version.drawn.steps.get(step)
    kind = steps.get(placed.type) if placed else None
    return (placed.name if placed else "") or (kind.title if kind else step.replace("_", " "))


def _shown(steps: Registry, run: RunRow, visited: Visited, versions: Mapping[str, Called]) -> ShownStep:
    entry = visited.entry
    version = versions[entry["version"]]
    return ShownStep(
        title=title(steps, version, entry["step"]),
        called=version.flow if entry["version"] != str(run.version_id) else "",
        way=_way(steps, version, entry["step"], entry["exit"] or ""),
        waited="waits" in entry,
        enters=versions[entry["enters"]].flow if "enters" in entry else "",
        attempts=sum(ask.get("answer", {}).get("attempts", 0) for ask in entry.get("asks", ())),
        failure=entry.get("failure", {}).get("message", ""),
        at=visited.at,
    )


def _way(steps: Registry, version: Called, step: str, way: str) -> str:
    """What the canvas calls an exit; a plugin's code is not asked for the sake of a page."""
    placed = version.drawn.steps.get(step)
    kind = steps.get(placed.type) if placed else None
    if placed and kind and not steps.is_plugin(placed.type):
        with suppress(*_UNFIT):
            titles = {one.id: one.title for one in kind.exits(todays_config(kind, placed))}
            return titles.get(way) or way.replace("_", " ")
    return way.replace("_", " ")
