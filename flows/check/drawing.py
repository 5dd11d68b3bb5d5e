"""What an editor draws of each placed step: its exits, its line, where it works, and which variables it may read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.check.data_flow import DataFlow
from flows.check.finding import InstallationNames
from flows.check.survey import Placed, Survey
from flows.document import Flow
from flows.limits import Limits
from flows.step import FAILURE, Exit, Medium
from flows.walk import Steps

_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Drawn:
    """One placed step. `surely` and `perhaps` name the variables that have a value here, on every way or on some."""

    title: str
    summary: str
    exits: tuple[Exit, ...]
    media: tuple[Medium, ...]
    waits: bool
    sets: tuple[str, ...]
    surely: tuple[str, ...]
    perhaps: tuple[str, ...]


def drawing(flow: Flow, steps: Steps, limits: Limits = _DEFAULT_LIMITS) -> Mapping[str, Drawn]:
    """All placed steps by their ids, those of unknown types too."""
    survey = Survey(flow, steps, InstallationNames(), limits)
    known = DataFlow(survey)
    return {id: _drawn(placed, known) for id, placed in survey.placed.items()}


def _drawn(placed: Placed, known: DataFlow) -> Drawn:
    names = known.bits if known.is_reached(placed.id) else {}
    surely = tuple(name for name in names if known.is_sure(placed.id, name))
    perhaps = tuple(name for name in names if name not in surely and known.is_possible(placed.id, name))
    return Drawn(
        title=placed.step.name or (placed.kind.title if placed.kind else placed.step.type),
        summary=_summary(placed),
        exits=_exits(placed),
        media=tuple(sorted(placed.media)),
        waits=placed.waits,
        sets=tuple(sorted({name for name, _, _ in placed.sets})),
        surely=surely,
        perhaps=perhaps,
    )


def _exits(placed: Placed) -> tuple[Exit, ...]:
    """Those of its kind, and those it has wired besides, so that no line of the drawing is lost."""
    known = [*placed.exits, *([FAILURE] if placed.kind is None or placed.fails else [])]
    ids = {way.id for way in known}
    return (*known, *(Exit(way, way) for way in placed.step.exits if way not in ids))


def _summary(placed: Placed) -> str:
    asked: Any = placed.kind
    if asked is None or not placed.is_sound:
        return ""
    try:
        return str(asked.summary(placed.config))
    except Exception:  # noqa: BLE001  a door to a plugin's code; the check, which asks more of it, finds it broken
        return ""
