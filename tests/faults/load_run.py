"""Messages at a steady rate while every second or two a worker is killed: what is accepted, and answered when.

As many workers as the machine in mind has processors, two; any of them is hit. The seconds count from the moment at
which the last victim has its child again, else one whose parent was killed would never get as far as working.
"""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

from tests.faults import aftermath
from tests.faults.driver import Driver
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import Kept, children_of, kill, wait_for
from tests.faults.oracle import delay_seconds, judge, percentile, taken
from tests.faults.site import Site, SitePlan, consistency, open_site

_SETTLE_SECONDS = 180.0
_BLOWS = ("worker child", "worker child", "worker child", "worker parent", "worker both")
_REACHED = 0.9  # of the wished rate


@dataclass(frozen=True)
class LoadRun:
    """What is run."""

    database: DatabaseKind
    seed: int
    messages: int = 6_000
    per_second: float = 250.0
    contacts: int = 300
    workers: int = 2
    least_pause_seconds: float = 1.0
    longest_pause_seconds: float = 2.0
    answered_within_seconds: float = 10.0


def load_run(run: LoadRun) -> Figures:
    """Runs once. Call it from the main thread."""
    plan = SitePlan([echo_flow(notes=False)], run.database, workers=run.workers, seed=run.seed, api_jitter_ms=30)
    with open_site(plan) as site:
        return _run(run, site)


def _run(run: LoadRun, site: Site) -> Figures:
    rng = random.Random(run.seed)
    driver = Driver(site.ports["web"], run.messages, run.contacts, run.seed, repeated=0.0)
    threading.Thread(target=driver.run, daemon=True).start()
    kills: Counter[str] = Counter()
    workers = [kept for name, kept in site.keeper.kept.items() if name.startswith("worker-")]
    victim = workers[0]
    started = time.monotonic()
    next_kill = started + run.least_pause_seconds
    while not driver.done:
        present = time.monotonic()
        driver.tap.open_until = min(run.messages, 1 + int((present - started) * run.per_second))
        site.keeper.look()
        if next_kill and present >= next_kill:
            blow = rng.choice(_BLOWS)
            victim = rng.choice(workers)
            kills[blow] += _strike(victim, blow)
            next_kill = 0.0
        if not next_kill and children_of(victim.pid):
            next_kill = time.monotonic() + rng.uniform(run.least_pause_seconds, run.longest_pause_seconds)
        time.sleep(0.02)
    figures = Figures()
    try:
        wait_for("all is answered", lambda: _count(site) >= run.messages, _SETTLE_SECONDS, site.keeper.look)
    except TimeoutError as problem:
        figures.broken.append(f"{problem}.")
    _judge(run, site, driver, figures, kills)
    return figures


def _strike(worker: Kept, blow: str) -> bool:
    children = children_of(worker.pid)
    if blow == "worker child":
        return any(map(kill, children))
    return kill(worker.pid) | (blow == "worker both" and any(map(kill, children)))


def _count(site: Site) -> int:
    return len(site.provider_log.read().lines)


def _judge(run: LoadRun, site: Site, driver: Driver, figures: Figures, kills: Counter[str]) -> None:
    sent = taken(site.provider_log.read())
    verdict = judge(driver.accepted, driver.wanted(), sent, [])
    left = aftermath.read(site.settings)
    breaches = consistency(site.settings)
    delay = delay_seconds(driver.accepted, sent)
    first, last = min(driver.accepted.values()), max(driver.accepted.values())
    answered = sorted(one.at for one in sent)
    figures.values |= {
        "messages": run.messages,
        "wished_per_second": run.per_second,
        "accepted_per_second": round(run.messages / (last - first)),
        "answered_per_second": round(run.messages / (answered[-1] - first)),
        "answered_while_killed": sum(at <= last for at in answered),
        "kills": dict(sorted(kills.items())),
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "out_of_order": len(verdict.out_of_order),
        "unknown": len(left.unknown),
        "set_aside": left.set_aside,
        "most_attempts": left.most_attempts,
        "most_charged": left.most_charged,
        "inconsistent": len(breaches),
        "answered_after_last_webhook_seconds": round(answered[-1] - last, 1),
        "delay_p50": percentile(delay, 50),
        "delay_p99": percentile(delay, 99),
    }
    figures.expect(verdict.is_clean, f"Not clean: {verdict}.")
    figures.expect(not left.unknown, "There are sends whose outcome is unknown.")
    figures.expect(not left.set_aside, "Innocent events were set aside.")
    figures.expect(not breaches, f"Inconsistent: {'; '.join(breaches[:5])}")
    reached, late = run.messages / (last - first), answered[-1] - last
    figures.expect(reached >= _REACHED * run.per_second, f"Only {reached:.0f} a second were taken in.")
    promised = f"{run.answered_within_seconds:g} s are promised"
    figures.expect(
        late <= run.answered_within_seconds, f"The last answer came {late:.1f} s after the last webhook, {promised}."
    )
