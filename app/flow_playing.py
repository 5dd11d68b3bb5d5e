"""Plays a flow that lies in a file, in the terminal: nothing is sent, called or asked in earnest."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.flow_files import read_flow, read_flows
from app.models import Constant
from app.step_host import installed_steps
from app.wiring import START_REFUSALS, STEP_PACKAGES, open_house
from flows.ask import Answer
from flows.errors import FlowError
from flows.facts import Facts
from flows.player import Player, play, prepared
from flows.registry import Registry
from flows.values import Value, decode


@dataclass(frozen=True)
class Scene:
    """Who talks to the flow, and what is prepared for it."""

    phone: str = ""
    name: str = ""
    language: str = ""
    answers: Path | None = None  # JSON: a list of answers for each step that asks
    traced: bool = False
    beside: Sequence[Path] = ()  # files with flows that this one runs


def play_file(settings: Settings, path: Path, scene: Scene, lines: Iterable[str]) -> Iterator[str]:
    """The lines to print as the typed ones come in.

    Raises: OSError when a file cannot be read; flows.errors.FlowError when one is not what it should be.
    """
    contact: Mapping[str, Value] = {
        "name": scene.name or None,
        "phone": scene.phone or None,
        "language": scene.language or None,
        "attributes": {},
    }
    facts = Facts(contact=contact, constants=constants_here(settings), language=scene.language)
    flow = read_flow(settings, path)
    flows = {one.name: one for more in scene.beside for one in read_flows(settings, more)}
    registry = Registry.discover(STEP_PACKAGES, installed_steps())
    player = Player(flow, registry, datetime.now(UTC), facts, _answers(scene.answers))
    player.limits, player.tracing = settings.limits, scene.traced
    player.give(flows)
    return play(player, lines)


def _answers(path: Path | None) -> Mapping[str, list[Answer]]:
    if path is None:
        return {}
    try:
        return prepared(json.loads(path.read_bytes()))
    except ValueError as problem:
        raise FlowError(f"{path} is no JSON ({problem}).") from None
    except FlowError as problem:
        raise FlowError(f"{path}: {problem}") from None


def constants_here(settings: Settings) -> Mapping[str, Value]:
    """The installation's constants where there is one."""
    try:
        with open_house(settings) as house, house.database.reading() as session:
            return {row.name: decode(json.loads(row.value)) for row in session.scalars(select(Constant))}
    except (*START_REFUSALS, OperationalError):
        return {"customer_api": "http://127.0.0.1:8001"}
