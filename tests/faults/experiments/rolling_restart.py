"""Workers and web processes are told to stop one after the other, again and again, while messages come."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

from app.launch.children import Command
from app.launch.commands import PROJECT_FOLDER, as_environment, web_arguments
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, answers, free_ports, open_site
from tests.faults.traffic import TimedDriver, Traffic, end_consistent

NAME = "rolling-restart"
PROMISE = "A process that is told to stop takes no new work, finishes what it began and exits: nothing is lost."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")

_PER_SECOND = 10.0
_PAUSE_SECONDS = 3.0
_ROUNDS = 2
_PROGRAMS = ("worker-1", "web", "worker-2", "web-2")
_MESSAGES = 400


@dataclass
class _Balanced(TimedDriver):
    """Two web processes in turn, as a balancer before them would; one that does not listen is passed over."""

    doors: tuple[int, ...] = ()
    _turns: "cycle[int]" = field(init=False)

    def __post_init__(self) -> None:
        self._turns = cycle(self.doors)

    def _door(self) -> int:
        return next(self._turns)


def run(database: DatabaseKind, seed: int) -> Figures:
    """Each of two workers and two web processes twice."""
    figures = Figures()
    with open_site(SitePlan([echo_flow(notes=False)], database, workers=2, seed=seed, api_jitter_ms=300)) as site:
        (second,) = free_ports(1)
        environment = {
            **as_environment(replace(site.settings, port=second)),
            "PUBLIC_URL": f"http://127.0.0.1:{site.ports['web']}",
        }
        site.keeper.add(Command("web-2", web_arguments(), environment, PROJECT_FOLDER))
        wait_for("the second web answers", lambda: answers(second), 60, site.keeper.look)
        doors = (site.ports["web"], second)
        driver = _Balanced(site.ports["web"], _MESSAGES, 100, seed, doors=doors)
        traffic = Traffic(site, driver).start()
        codes, longest = [], 0.0
        for _ in range(_ROUNDS):
            for name in _PROGRAMS:
                traffic.let_in(_PAUSE_SECONDS, _PER_SECOND)
                code, seconds = _restart(traffic, site, name)
                codes.append(code)
                longest = max(longest, seconds)
        figures.values |= {"restarts": len(codes), "exits_with_0": codes.count(0), "longest_stop_s": round(longest, 1)}
        figures.expect(codes == [0] * len(codes), f"A process did not end in order: exit codes {codes}.")
        traffic.finish(figures)
        return end_consistent(figures, site)


def _restart(traffic: Traffic, site: Site, name: str) -> tuple[int, float]:
    """Tells it to stop; its exit code and how long that took. It is started again at once."""
    process, begun = site.keeper.kept[name].process, time.monotonic()
    assert process is not None
    os.kill(process.pid, signal.SIGTERM)
    while process.poll() is None:
        traffic.let_in(0.25, _PER_SECOND)
    seconds = time.monotonic() - begun
    if name.startswith("web"):
        port = site.ports["web"] if name == "web" else int(site.keeper.kept[name].command.environment["PORT"])
        traffic.wait(f"{name} answers again", lambda: answers(port), 60)
    return process.returncode, seconds
