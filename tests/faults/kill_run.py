"""The kill run: a whole installation answers numbered messages while its processes are killed; one line of JSON tells.

    python -m tests.faults.kill_run --database postgresql --messages 500 --kills 30 --seed 1 --mode key

The provider double's own log is the only oracle. It ends with `patchbay consistency`; the exit code is 1 when anything
is lost, sent twice, out of order, or inconsistent. With --calm each kill waits until the one before is got over, so
that `recovery` tells of single kills; without it they fall into each other's repairs.
"""

import argparse
import json
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db import Database
from tests.faults.customer_api import tier_of
from tests.faults.driver import Driver
from tests.faults.echo_flow import echo_flow
from tests.faults.monkey import Monkey, plan
from tests.faults.oracle import Verdict, delay_seconds, judge, percentile, recovery_seconds, taken
from tests.faults.provider import MODES
from tests.faults.site import Site, SitePlan, consistency, open_site

GRACE_SECONDS = 2.0  # a duplicate that comes late still counts


@dataclass(frozen=True)
class KillRun:
    """What is run."""

    database: Literal["sqlite", "postgresql"] = "sqlite"
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
    parser.add_argument("--mode", choices=MODES[:2], default=defaults.mode)
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
        callbacks=0.5,
        api_jitter_ms=30,
    )
    with open_site(site_plan, keeps=keeps) as site:
        result = _run(run, site)
        if not result.is_clean:
            seen = (asdict(result.verdict), *result.breaches, *_left(site.settings), site.keeper.logs())
            print(*seen, sep="\n", file=sys.stderr)  # noqa: T201  for whoever looks for the cause
    return result


def _run(run: KillRun, site: Site) -> Result:
    rng = random.Random(run.seed)
    steps = plan(run.kills, run.seed)
    driver = Driver(site.ports["web"], run.messages, run.contacts, run.seed)
    share = -(-run.messages // max(len(steps), 1))
    answered = [0]
    monkey = Monkey(site.keeper, driver, lambda: answered[0], rng, steps, share, run.kills, run.calm)
    for work in (driver.run, monkey.run):
        threading.Thread(target=work, daemon=True).start()
    ended_at = 0.0
    deadline = time.monotonic() + 60 + 20 * run.kills
    while time.monotonic() < deadline:
        site.keeper.look()
        answered[0] = len(site.provider_log.read().lines)
        if monkey.done:
            driver.tap.open_until = run.messages
            if not ended_at:
                ended_at = time.monotonic()
                deadline = ended_at + run.settle_seconds
            if driver.done and answered[0] >= run.messages and _is_quiet(site.settings):
                break
        time.sleep(0.01)
    converged_seconds = time.monotonic() - ended_at
    _stay(site, GRACE_SECONDS)
    return _judged(run, site, driver, monkey, converged_seconds)


def _judged(run: KillRun, site: Site, driver: Driver, monkey: Monkey, converged_seconds: float) -> Result:
    sent = taken(site.provider_log.read())
    visits = [visit for visit in site.api_log.read().lines if tier_of(visit["phone"]) == "gold"]
    wanted = driver.wanted()
    verdict = judge(driver.accepted, wanted, sent, visits)
    breaches = consistency(site.settings)
    (site.folder / "blows.json").write_text(json.dumps(monkey.blows))
    (site.folder / "accepted.json").write_text(json.dumps([[*key, at] for key, at in driver.accepted.items()]))
    recovery = recovery_seconds(driver.accepted, sent, sorted(at for at, _ in monkey.blows))
    delay = delay_seconds(driver.accepted, sent)
    figures = {
        **asdict(run),
        "accepted": len(driver.accepted),
        "sends": len(sent),
        "kills": sum(monkey.kills.values()),
        "kills_by_kind": dict(sorted(monkey.kills.items())),
        "not_reached": monkey.not_reached,
        "refused_webhooks": driver.refusals,
        "repeated_webhooks": driver.repeats,
        **{name: len(what) for name, what in asdict(verdict).items()},
        "consistency": len(breaches),
        "recovery_p50": percentile(recovery, 50),
        "recovery_p99": percentile(recovery, 99),
        "delay_p50": percentile(delay, 50),
        "delay_p99": percentile(delay, 99),
        "converged_seconds": round(converged_seconds, 1),
    }
    return Result(figures, verdict, breaches)


_LEFT = (
    (
        "SELECT e.state, e.kind, e.attempts, e.charged, e.error, count(*) FROM inbound_events e"
        " WHERE e.state NOT IN ('done', 'dropped') GROUP BY 1, 2, 3, 4, 5"
    ),
    "SELECT state, kind, attempts, error, count(*) FROM effects WHERE state <> 'sent' GROUP BY 1, 2, 3, 4",
    "SELECT state, owner, run_id IS NULL, not_before_at IS NULL, count(*) FROM conversations GROUP BY 1, 2, 3, 4",
    "SELECT status, outcome, count(*) FROM runs GROUP BY 1, 2",
    "SELECT kind, message, count(*) FROM problems GROUP BY 1, 2",
    "SELECT kind, server_pid, heartbeat_at FROM workers",
)


def _left(settings: Settings) -> list[str]:
    """What stands in the tables, in short."""
    database = Database.connect(settings, pool_size=1)
    try:
        with database.reading() as session:
            return [f"{tuple(row)}  <- {query[:60]}" for query in _LEFT for row in session.execute(text(query))]
    finally:
        database.close()


def _is_quiet(settings: Settings) -> bool:
    """Whether nothing is due or on its way; only for knowing when to stop, never for the verdict."""
    database = Database.connect(settings, pool_size=1)
    try:
        with database.reading() as session:
            events = "SELECT count(*) FROM inbound_events WHERE state = 'waiting' AND kind <> 'timer_fired'"
            effects = "SELECT count(*) FROM effects WHERE state IN ('queued', 'sending') AND kind = 'send_message'"
            return not session.scalar(text(events)) and not session.scalar(text(effects))
    except SQLAlchemyError:
        return False
    finally:
        database.close()


def _stay(site: Site, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        site.keeper.look()
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
