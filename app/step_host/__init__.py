"""The step host: runs the steps of plugins in processes of their own, so that only their own run can suffer."""

import atexit
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint

from app.step_host.host import Bounds, StepHost, open_host
from app.step_host.proxy import kinds_of
from flows.registry import installed
from flows.step import Step

__all__ = ["Bounds", "StepHost", "installed_steps", "kinds_of", "open_host"]


def installed_steps() -> Sequence[type[Step]]:
    """A class for every step that an installed plugin names; no plugin, no process.

    Raises: RegistryError, when one cannot be loaded or does not keep the contract.
    """
    points = installed()
    return kinds_of(_host(tuple(points))) if points else ()


@cache
def _host(points: tuple[EntryPoint, ...]) -> StepHost:
    """One for each process, whatever asks."""
    host = StepHost(points)
    atexit.register(host.close)
    return host
