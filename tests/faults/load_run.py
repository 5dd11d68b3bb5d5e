"""Messages at a steady rate while the worker is killed every second or two: what is accepted, and answered when."""

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
_BLOWS = ("worker parent", "worker child", "worker both")


@dataclass(frozen=True)
class LoadRun:
    """What is run."""

    database: DatabaseKind
    seed: int
    messages: int = 6_000
    per_second: float = 250.0
    contacts: int = 300
    least_pause_seconds: float = 1.0
    longest_pause_seconds: float = 2.0
    answered_within_seconds: float = 10.0


def load_run(run: LoadRun) -> Figures:
    """Runs once. Call it from the main thread."""
    plan = SitePlan([echo_flow(notes=False)], run.database, seed=run.seed, api_jitter_ms=30)
    with open_site(plan) as site:
        return _run(run, site)


def _run(run: LoadRun, site: Site) -> Figures:
    rng = random.Random(run.seed)
    driver = Driver(site.ports["web"], run.messages, run.contacts, run.seed, repeated=0.0)
    threading.Thread(target=driver.run, daemon=True).start()
    kills: Counter[str] = Counter()
    started = next_kill = time.monotonic()
    while not driver.done:
        present = time.monotonic()
        driver.tap.open_until = min(run.messages, 1 + int((present - started) * run.per_second))
        site.keeper.look()
        if present >= next_kill:
            blow = rng.choice(_BLOWS)
            kills[blow] += _strike(site.keeper.kept["worker-1"], blow)
            next_kill = present + rng.uniform(run.least_pause_seconds, run.longest_pause_seconds)
        time.sleep(0.01)
    accepting_seconds = time.monotonic() - started
    figures = Figures()
    try:
        wait_for("all is answered", lambda: _count(site) >= run.messages, _SETTLE_SECONDS, site.keeper.look)
    except TimeoutError as problem:
        figures.broken.append(f"{problem}.")
    return _judged(run, site, driver, figures, {"kills": kills, "accepting_seconds": round(accepting_seconds, 1)})


def _strike(worker: Kept, blow: str) -> bool:
    children = children_of(worker.pid)
    if blow == "worker child":
        return any(map(kill, children))
    return kill(worker.pid) | (blow == "worker both" and any(map(kill, children)))


def _count(site: Site) -> int:
    return len(site.provider_log.read().lines)


def _judged(run: LoadRun, site: Site, driver: Driver, figures: Figures, before: dict[str, object]) -> Figures:
    sent = taken(site.provider_log.read())
    verdict = judge(driver.accepted, driver.wanted(), sent, [])
    left = aftermath.read(site.settings)
    breaches = consistency(site.settings)
    within = max(one.at for one in sent) - max(driver.accepted.values())
    delay = delay_seconds(driver.accepted, sent)
    figures.values |= {
        "messages": run.messages,
        "wished_per_second": run.per_second,
        **before,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "out_of_order": len(verdict.out_of_order),
        "unknown": len(left.unknown),
        "set_aside": left.set_aside,
        "most_attempts": left.most_attempts,
        "most_charged": left.most_charged,
        "inconsistent": len(breaches),
        "answered_after_last_webhook_seconds": round(within, 1),
        "delay_p50": percentile(delay, 50),
        "delay_p99": percentile(delay, 99),
    }
    figures.expect(verdict.is_clean, f"Not clean: {verdict}.")
    figures.expect(not left.unknown, "There are sends whose outcome is unknown.")
    figures.expect(not left.set_aside, "Innocent events were set aside.")
    figures.expect(not breaches, f"Inconsistent: {'; '.join(breaches[:5])}")
    late = (
        f"The last answer came {within:.1f} s after the last webhook; {run.answered_within_seconds:g} s are promised."
    )
    figures.expect(within <= run.answered_within_seconds, late)
    return figures
