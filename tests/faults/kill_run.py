"""The kill run: a whole installation answers numbered messages while its processes are killed; one line of JSON tells.

    python -m tests.faults.kill_run --database postgresql --messages 500 --kills 30 --seed 1 --mode key

The provider double's own log is the only oracle. It ends with `patchbay consistency`; the exit code is 1 when anything
is lost, sent twice, out of order, set aside, unknown or inconsistent. With --calm each kill waits until the one before
is got over, so that `recovery` tells of single kills; without it they fall into each other's repairs. A provider of the
mode `neither` leaves unknown messages: there exactly the sends that began and got no answer must be shown as unknown.
"""

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace

from tests.faults import aftermath
from tests.faults.customer_api import tier_of
from tests.faults.driver import Driver
from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.monkey import DATABASE, RANDOM, Monkey, plan
from tests.faults.oracle import Verdict, delay_seconds, judge, percentile, recovery_seconds, taken
from tests.faults.provider import MODES
from tests.faults.site import Site, SitePlan, consistency, open_site

_SHOWN = ("database", "mode", "seed", "messages", "contacts", "workers", "trouble", "wait_for", "calm")
GRACE_SECONDS = 2.0  # a duplicate that comes late still counts


@dataclass(frozen=True)
class KillRun:
    """What is run."""

    database: DatabaseKind = "sqlite"
    messages: int = 500
    kills: int = 30
    seed: int = 1
    mode: str = "key"
    contacts: int = 25
    workers: int = 1
    trouble: float = 0.05
    wait_for: str = "nothing"
    calm: bool = False
    settle_seconds: float = 240.0
    only_places: bool = False  # nobody is killed at random


FULL = KillRun(messages=10_000, kills=500, contacts=500, workers=2, settle_seconds=600)
SHORT = KillRun(messages=500, kills=60, contacts=50)


def chaos(size: KillRun, database: DatabaseKind, seed: int, mode: str) -> Figures:
    """A kill run of that size as an experiment."""
    result = kill_run(replace(size, database=database, seed=seed, mode=mode))
    figures = Figures(result.figures)
    figures.expect(result.verdict.is_clean, f"Not clean: {result.verdict}.")
    figures.broken += result.breaches
    return figures


@dataclass(frozen=True)
class Result:
    """The figures of a run, and what is wrong."""

    figures: dict[str, object]
    verdict: Verdict
    breaches: list[str]

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return self.verdict.is_clean and not self.breaches


def main() -> int:
    """Runs once from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = KillRun()
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=defaults.database)
    parser.add_argument("--mode", choices=MODES, default=defaults.mode)
    parser.add_argument("--wait-for", choices=("nothing", "accepted"), default=defaults.wait_for)
    for name in ("messages", "kills", "seed", "contacts", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    for name in ("trouble", "settle_seconds"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(defaults, name))
    parser.add_argument("--calm", action="store_true", help="wait until each kill is got over")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and database")
    given = vars(parser.parse_args())
    keeps = given.pop("keep")
    result = kill_run(KillRun(**given), keeps=keeps)
    print(json.dumps(result.figures))  # noqa: T201  what the command is for
    return 0 if result.is_clean else 1


def kill_run(run: KillRun, *, keeps: bool = False) -> Result:
    """Runs once; what is wrong is printed with the logs. Call it from the main thread."""
    site_plan = SitePlan(
        flows=[echo_flow(run.wait_for)],
        database=run.database,
        mode=run.mode,
        workers=run.workers,
        seed=run.seed,
        trouble=run.trouble,
        callbacks=0.0 if run.mode == "neither" else 0.5,  # they would settle what is unknown
        api_jitter_ms=30,
    )
    with open_site(site_plan, keeps=keeps) as site:
        result = _run(run, site)
        if not result.is_clean:
            seen = (asdict(result.verdict), *result.breaches, *aftermath.in_short(site.settings), site.keeper.logs())
            print(*seen, sep="\n", file=sys.stderr)  # noqa: T201  for whoever looks for the cause
    return result


def _run(run: KillRun, site: Site) -> Result:
    rng = random.Random(run.seed)
    deck = RANDOM if site.server is None else RANDOM + DATABASE
    steps = plan(run.kills, run.seed, deck, run.kills // 2 if run.only_places else run.kills // 6)
    driver = Driver(site.ports["web"], run.messages, run.contacts, run.seed)
    share = -(-run.messages // max(len(steps), 1))
    answered = [0]
    monkey = Monkey(
        site.keeper, driver, lambda: answered[0], rng, steps, share, deck, 0 if run.only_places else run.kills, run.calm
    )
    for work in (driver.run, monkey.run):
        threading.Thread(target=work, daemon=True).start()
    ended_at = 0.0
    deadline = time.monotonic() + 60 + 10 * run.kills
    while time.monotonic() < deadline:
        site.keeper.look()
        answered[0] = len(site.provider_log.read().lines)
        if monkey.done:
            driver.tap.open_until = run.messages
            if not ended_at:
                ended_at = time.monotonic()
                deadline = ended_at + run.settle_seconds
            if driver.done and aftermath.is_quiet(site.settings):
                break
        time.sleep(0.02)
    converged_seconds = time.monotonic() - ended_at
    _stay(site, GRACE_SECONDS)
    return _judged(run, site, driver, monkey, converged_seconds)


def _judged(run: KillRun, site: Site, driver: Driver, monkey: Monkey, converged_seconds: float) -> Result:
    sent = taken(site.provider_log.read())
    visits = [visit for visit in site.api_log.read().lines if tier_of(visit["phone"]) == "gold"]
    verdict = judge(driver.accepted, driver.wanted(), sent, visits)
    left = aftermath.read(site.settings)
    breaches = consistency(site.settings)
    if run.mode == "neither":
        breaches += left.unexplained(site.troubles_log.read().lines, monkey.blows, verdict.lost)
        verdict = replace(verdict, lost=[key for key in verdict.lost if key not in {one.key for one in left.unknown}])
    else:
        breaches += [f"What became of {one.key} is unknown." for one in left.unknown]
    if left.set_aside:
        breaches.append(f"{left.set_aside} events were set aside, though none of them did any harm.")
    (site.folder / "blows.json").write_text(json.dumps(monkey.blows))
    (site.folder / "accepted.json").write_text(json.dumps([[*key, at] for key, at in driver.accepted.items()]))
    recovery = recovery_seconds(driver.accepted, sent, sorted(at for at, _ in monkey.blows))
    slow = aftermath.held_up(left, driver.accepted)
    clear, doubtful = [[at for key, at in recovery.items() if (key in slow) is wish] for wish in (False, True)]
    delay = delay_seconds(driver.accepted, sent)
    figures = {
        **{name: getattr(run, name) for name in _SHOWN},
        "troubles": dict(sorted(Counter(line["trouble"] for line in site.troubles_log.read().lines).items())),
        "accepted": len(driver.accepted),
        "sends": len(sent),
        "kills": sum(monkey.kills.values()),
        "kills_by_kind": dict(sorted(monkey.kills.items())),
        "not_reached": monkey.not_reached,
        "refused_webhooks": driver.refusals,
        "repeated_webhooks": driver.repeats,
        **{name: len(what) for name, what in asdict(verdict).items()},
        "unknown": len(left.unknown),
        "set_aside": left.set_aside,
        "most_attempts": left.most_attempts,
        "most_charged": left.most_charged,
        "inconsistent": len(breaches),
        "recovery_p50": percentile(clear, 50),
        "recovery_p99": percentile(clear, 99),
        "recovery_after_unanswered_sends_p50": percentile(doubtful, 50),
        "recovery_after_unanswered_sends_p99": percentile(doubtful, 99),
        "delay_p50": percentile(delay, 50),
        "delay_p99": percentile(delay, 99),
        "converged_seconds": round(converged_seconds, 1),
    }
    return Result(figures, verdict, breaches)


def _stay(site: Site, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        site.keeper.look()
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
