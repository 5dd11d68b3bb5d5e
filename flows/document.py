"""A flow's document: Flow and PlacedStep, and the only reader and writer of flow JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PlacedStep:
    """One step of a flow: its kind, its configuration and where its exits lead (a step id or "end")."""

    id: str
    type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    exits: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    format: int = 1


@dataclass(frozen=True)
class Flow:
    """A flow document of format 1, read and checked for shape; check.py says what else may be wrong with it."""

    name: str
    steps: Mapping[str, PlacedStep]
    description: str = ""
    languages: tuple[str, ...] = ("en",)
    on_failure: str = ""
    on_hang_up: str = ""
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layout: Mapping[str, Any] = field(default_factory=dict)
    groups: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[Mapping[str, Any]] = ()
    tests: Sequence[Mapping[str, Any]] = ()
