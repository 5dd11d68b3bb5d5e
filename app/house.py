"""The house of one process: everything a door needs, wired once."""

from dataclasses import dataclass, field

from app.config import Settings
from app.db import Database
from app.lanes import Lanes
from app.machine import Machine
from app.outgoing import Guarded
from app.sealing import SecretKey
from flows.limits import Limits
from flows.registry import Registry


@dataclass(frozen=True)
class House:
    """Settings, database, wake-ups, key, steps and the guarded client of one process."""

    settings: Settings
    database: Database
    lanes: Lanes
    key: SecretKey
    steps: Registry
    http: Guarded
    limits: Limits = field(default_factory=Limits)
    machine: Machine = field(default_factory=Machine)
