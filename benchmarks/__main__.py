"""Prints the table of figures: `python -m benchmarks`, or `--quick` for a look in a fraction of the time.

Real processes (one web, one worker, the sweeper, Redis, the database with syncs to disk) against doubles of provider
and API; nothing is asserted, and what others did on the machine meanwhile stands beside each figure.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks import engine, load, meter, voice
from benchmarks.meter import Reading
from tests.faults.echo_flow import echo_flow
from tests.faults.oracle import percentile
from tests.faults.site import Site, SitePlan, open_site

RATE = 20.0
_WARM_UP = 60
_WARM_CONTACT, _FAST_CONTACT, _STEADY_CONTACT = 100_000, 200_000, 300_000
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    messages: int = 1_500
    steady_messages: int = 400
    calls: int = 60
    engine_seconds: float = 3.0


QUICK = Amounts(messages=300, steady_messages=100, calls=15, engine_seconds=1.0)


def main() -> int:
    """Measures everything and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller amounts, rougher figures")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append", help="only this one")
    given = parser.parse_args()
    amounts = QUICK if given.quick else Amounts()
    rows = _engine_rows(amounts)
    for database in given.database or ("sqlite", "postgresql"):
        rows += _site_rows(database, amounts)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(f"A million additions take {1_000 * _processor_seconds():.0f} ms of a processor just now.")
    print("\n| figure | value | others used of the machine |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return 0


def _processor_seconds() -> float:
    """How fast a processor is just now, for comparing tables."""
    started, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return time.process_time() - started


def _engine_rows(amounts: Amounts) -> list[Row]:
    _say("engine")
    figures = engine.measure(amounts.engine_seconds)
    return [
        ("engine, turns a second of one core", f"{figures.turns_per_second:,.0f}", "–"),
        ("the same with run, record and trace as JSON", f"{figures.stored_turns_per_second:,.0f}", "–"),
    ]


def _site_rows(database: Literal["sqlite", "postgresql"], amounts: Amounts) -> list[Row]:
    rows: list[Row] = []
    for delay_ms in (0, 100):
        _say(f"{database}, doubles answer after {delay_ms} ms")
        flows = [echo_flow(notes=False), voice.voice_flow()]
        plan = SitePlan(flows, database, provider_delay_ms=delay_ms, api_delay_ms=delay_ms)
        with open_site(plan) as site:
            name = f"{meter.database_version(site)}, doubles {delay_ms} ms"
            load.write(site, load.keys_of(_WARM_CONTACT, _WARM_UP, _WARM_UP))
            rows += _fast_rows(site, name, amounts)
            if not delay_ms:
                rows += _steady_rows(site, name, amounts)
                rows += _voice_rows(site, name, amounts)
    return rows


def _fast_rows(site: Site, name: str, amounts: Amounts) -> list[Row]:
    before = meter.read(site)
    answered = load.write(site, load.keys_of(_FAST_CONTACT, amounts.messages // 2, amounts.messages))
    used = meter.read(site).since(before)
    return [
        (f"{name}: messages answered a second, as fast as they come", f"{answered.per_second:,.0f}", _foreign(used)),
        *_cost_rows(f"{name}, as fast as they come", used, amounts.messages),
    ]


def _steady_rows(site: Site, name: str, amounts: Amounts) -> list[Row]:
    before = meter.read(site)
    keys = load.keys_of(_STEADY_CONTACT, amounts.steady_messages, amounts.steady_messages)
    answered = load.write(site, keys, RATE)
    used = meter.read(site).since(before)
    return [
        (f"{name}, {RATE:g} a second: answered after, p50 / p99", _milliseconds(answered.delays), _foreign(used)),
        (f"{name}, {RATE:g} a second: webhook, p50 / p99", _milliseconds(answered.webhook_seconds), _foreign(used)),
        *_cost_rows(f"{name}, {RATE:g} a second", used, amounts.steady_messages),
    ]


def _voice_rows(site: Site, name: str, amounts: Amounts) -> list[Row]:
    before = meter.read(site)
    by_worker = voice.call(site, voice.FIRST_CALLER, amounts.calls)
    between = meter.read(site)
    for worker in [kept for kind, kept in site.keeper.kept.items() if kind.startswith("worker")]:
        worker.stop()
    in_web = voice.call(site, voice.FIRST_CALLER + amounts.calls, amounts.calls)
    return [
        (
            f"{name}: a call's first document by the worker, p50 / p99",
            _milliseconds(by_worker),
            _foreign(between.since(before)),
        ),
        (f"{name}: the same without any worker, p50 / p99", _milliseconds(in_web), "–"),
    ]


def _cost_rows(name: str, used: Reading, messages: int) -> list[Row]:
    kinds = [kind for kind in ("web", "worker", "sweeper", "redis", "database") if kind in used.cpu_seconds]
    cpu = " · ".join(f"{kind} {1_000 * used.cpu_seconds[kind] / messages:.2f}" for kind in kinds)
    writes = f"{used.commits / messages:.2f} / {used.syncs / messages:.2f}"
    return [
        (f"{name}: processor ms a message", cpu, _foreign(used)),
        (f"{name}: commits / syncs a message", writes, _foreign(used)),
    ]


def _milliseconds(seconds: Sequence[float]) -> str:
    return " / ".join(f"{1_000 * (percentile(seconds, percent) or 0.0):.0f} ms" for percent in (50, 99))


def _foreign(used: Reading) -> str:
    return f"{used.foreign_percent:.0f} %"


def _say(what: str) -> None:
    print(f"measuring: {what} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
