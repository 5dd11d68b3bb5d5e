"""The step host: runs the steps of plugins in processes of their own, so that only their own run can suffer."""

import atexit
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint

from app.step_host.host import Bounds, StepHost, open_host
from app.step_host.proxy import kinds_of
from flows.registry import installed
from flows.step import Step

__all__ = ["Bounds", "StepHost", "end_hosts", "installed_steps", "kinds_of", "open_host"]

_hosts: list[StepHost] = []  # those of this process that `installed_steps` opened


def installed_steps() -> Sequence[type[Step]]:
    """A class for every step that an installed plugin names; no plugin, no process.

    Raises: RegistryError, when one cannot be loaded or does not keep the contract.
    """
    points = installed()
    return kinds_of(_host(tuple(points))) if points else ()


def end_hosts() -> None:
    """Ends the processes in which plugins run for this one; a further call would start them again."""
    for host in _hosts:
        host.close()


@cache
def _host(points: tuple[EntryPoint, ...]) -> StepHost:
    """One for each process, whatever asks."""
    host = StepHost(points)
    _hosts.append(host)
    atexit.register(host.close)
    return host
