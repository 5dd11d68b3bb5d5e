"""Redis is dead for forty seconds with all its data, and hangs for twenty more, while messages come."""

import os
import signal
import time
from collections.abc import Sequence

from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.site import SitePlan, open_site
from tests.faults.traffic import Traffic, end_consistent

NAME = "redis-down"
PROMISE = "Without Redis nothing is lost, webhooks are still answered, and answers come at most two seconds later."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
ALONE = TOGETHER = True

_PER_SECOND = 8.0
_BEFORE, _DEAD, _HUNG, _AFTER = 8.0, 40.0, 20.0, 5.0
_WEBHOOK_MS, _EXTRA_DELAY_MS = 400, 2_000


def run(database: DatabaseKind, seed: int) -> Figures:
    """Eight messages a second all the time; answers are held against those before on the same machine."""
    figures = Figures()
    seconds = _BEFORE + _DEAD + _HUNG + _AFTER
    with open_site(SitePlan([echo_flow(notes=False)], database, seed=seed)) as site:
        traffic = Traffic.of(site, int(seconds * _PER_SECOND), 60, seed)
        begun = time.time()
        traffic.let_in(_BEFORE, _PER_SECOND)
        redis = site.keeper.kept.pop("redis")
        redis.stop()
        down = time.time()
        traffic.let_in(_DEAD, _PER_SECOND)
        site.keeper.kept["redis"] = redis
        site.keeper.look()
        os.kill(redis.pid, signal.SIGSTOP)
        hung = time.time()
        traffic.let_in(_HUNG, _PER_SECOND)
        os.kill(redis.pid, signal.SIGCONT)
        back = time.time()
        traffic.let_in(_AFTER, _PER_SECOND)
        traffic.finish(figures)
        phases = {"before": (begun, down), "dead": (down, hung), "hung": (hung, back)}
        for name, (since, until) in phases.items():
            figures.values[f"webhook_p99_ms_{name}"] = traffic.webhook_ms(since, until, 99)
            figures.values[f"delay_p50_ms_{name}"] = traffic.delay_ms(since, until, 50)
            figures.values[f"delay_p99_ms_{name}"] = traffic.delay_ms(since, until, 99)
        delay = traffic.delay_ms(begun, down, 99)
        for name in ("dead", "hung"):
            since, until = phases[name]
            slow = traffic.webhook_ms(since, until, 99) > _WEBHOOK_MS
            late = traffic.delay_ms(since, until, 99) > delay + _EXTRA_DELAY_MS
            figures.expect(not slow, f"Webhooks waited too long while Redis was {name}.")
            figures.expect(not late, f"Answers came too late while Redis was {name}.")
        return end_consistent(figures, site)
