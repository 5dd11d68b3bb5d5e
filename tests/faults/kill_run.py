"""The kill run: a whole installation answers numbered messages while its processes are killed; one line of JSON tells.

    python -m tests.faults.kill_run --database postgresql --messages 500 --kills 30 --seed 1 --mode key

The provider double's own log is the only oracle. It ends with `patchbay consistency`; the exit code is 1 when anything
is lost, sent twice, out of order, or inconsistent.
"""

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db import Database
from app.launch import redis_program
from app.launch.children import Command
from app.launch.commands import PROJECT_FOLDER, as_environment, web_arguments
from app.launch.redis_server import RedisServer
from tests.faults.customer_api import tier_of
from tests.faults.driver import Driver
from tests.faults.echo_flow import echo_flow
from tests.faults.installation import SECRET, found, settings_for
from tests.faults.keeper import Keeper, python, wait_for
from tests.faults.monkey import Monkey, plan
from tests.faults.oracle import Log, delay_seconds, judge, percentile, recovery_seconds, taken
from tests.faults.provider import MODES
from tests.postgres import PostgresServer

START_SECONDS = 60.0
GRACE_SECONDS = 2.0  # a duplicate that comes late still counts


@dataclass(frozen=True)
class KillRun:
    """What is run."""

    database: str = "sqlite"
    messages: int = 500
    kills: int = 30
    seed: int = 1
    mode: str = "key"
    contacts: int = 25
    workers: int = 1
    trouble: float = 0.05
    wait_for: str = "nothing"
    settle_seconds: float = 240.0


@dataclass
class Site:
    """The installation of a run."""

    settings: Settings
    ports: dict[str, int]
    folder: Path
    keeper: Keeper
    provider_log: Log
    api_log: Log


def main() -> int:
    """Runs once from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = KillRun()
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=defaults.database)
    parser.add_argument("--mode", choices=MODES[:2], default=defaults.mode)
    parser.add_argument("--wait-for", choices=("nothing", "accepted"), default=defaults.wait_for)
    for name in ("messages", "kills", "seed", "contacts", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    parser.add_argument("--trouble", type=float, default=defaults.trouble)
    parser.add_argument("--settle-seconds", type=float, default=defaults.settle_seconds)
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and database")
    given = vars(parser.parse_args())
    keeps = given.pop("keep")
    result, is_clean = kill_run(KillRun(**given), keeps=keeps)
    print(json.dumps(result))  # noqa: T201  what the command is for
    return 0 if is_clean else 1


def kill_run(run: KillRun, *, keeps: bool = False) -> tuple[dict[str, object], bool]:
    """The figures, and whether all promises were kept. Call it from the main thread."""
    with _site(run, keeps=keeps) as site:
        return _run(run, site)


def _run(run: KillRun, site: Site) -> tuple[dict[str, object], bool]:
    rng = random.Random(run.seed)
    steps = plan(run.kills, rng)
    driver = Driver(site.ports["web"], run.messages, run.contacts, run.seed)
    share = -(-run.messages // max(len(steps), 1))
    counted = [0]
    monkey = Monkey(site.keeper, driver.tap, lambda: counted[0], rng, steps, share)
    for work in (driver.run, monkey.run):
        threading.Thread(target=work, daemon=True).start()
    ended_at = 0.0
    deadline = time.monotonic() + 60 + 10 * run.kills + run.settle_seconds
    while time.monotonic() < deadline:
        site.keeper.look()
        counted[0] = len(site.provider_log.read().lines)
        if monkey.done:
            driver.tap.open_until = run.messages
            ended_at = ended_at or time.monotonic()
            deadline = min(deadline, ended_at + run.settle_seconds)
            if driver.done and counted[0] >= run.messages and _is_quiet(site.settings):
                break
        time.sleep(0.01)
    converged = time.monotonic() - ended_at
    _stay(site, GRACE_SECONDS)
    return _report(run, site, driver, monkey, converged)


def _report(
    run: KillRun, site: Site, driver: Driver, monkey: Monkey, converged: float
) -> tuple[dict[str, object], bool]:
    sent = taken(site.provider_log.read())
    visits = [visit for visit in site.api_log.read().lines if tier_of(visit["phone"]) == "gold"]
    verdict = judge(driver.accepted, sent, visits)
    breaches = consistency(site.settings)
    (site.folder / "blows.json").write_text(json.dumps(monkey.blows))
    (site.folder / "accepted.json").write_text(json.dumps([[*key, at] for key, at in driver.accepted.items()]))
    recovery = recovery_seconds(driver.accepted, sent, sorted(at for at, _ in monkey.blows))
    delay = delay_seconds(driver.accepted, sent)
    result = {
        **asdict(run),
        "accepted": len(driver.accepted),
        "sends": len(sent),
        "kills": sum(monkey.kills.values()),
        "kills_by_kind": dict(sorted(monkey.kills.items())),
        "not_reached": monkey.not_reached,
        "refused_webhooks": driver.refusals,
        "repeated_webhooks": driver.repeats,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "out_of_order": len(verdict.out_of_order),
        "strange": len(verdict.strange),
        "asked_twice": len(verdict.asked_twice),
        "consistency": len(breaches),
        "recovery_p50": percentile(recovery, 50),
        "recovery_p99": percentile(recovery, 99),
        "delay_p50": percentile(delay, 50),
        "delay_p99": percentile(delay, 99),
        "converged_seconds": round(converged, 1),
    }
    is_clean = verdict.is_clean and not breaches and len(driver.accepted) == run.messages
    if not is_clean:
        for name, what in asdict(verdict).items():
            print(f"{name}: {what}", file=sys.stderr)  # noqa: T201  for whoever looks for the cause
        print("\n".join(breaches), file=sys.stderr)  # noqa: T201
        print(site.keeper.logs(), file=sys.stderr)  # noqa: T201
    return result, is_clean


@contextmanager
def _site(run: KillRun, *, keeps: bool) -> Iterator[Site]:
    """Everything started and answering; at its end no process is left."""
    folder = Path(tempfile.mkdtemp(prefix="patchbay-kill-run-"))
    server = PostgresServer(durable=True) if run.database == "postgresql" else None
    keeper = Keeper(folder)
    try:
        if server is not None:
            server.start()
            server.execute("CREATE DATABASE kill_run")
        url = server.url("kill_run") if server is not None else ""
        site = _start(run, folder, keeper, url)
        yield site
    finally:
        keeper.stop()
        if server is not None:
            server.remove()
        if not keeps:
            shutil.rmtree(folder, ignore_errors=True)


def _start(run: KillRun, folder: Path, keeper: Keeper, database_url: str) -> Site:
    ports = dict(zip(("web", "api", "provider"), free_ports(3), strict=True))
    redis = _add_redis(keeper, folder)
    settings = settings_for(folder, database_url, redis.url, ports)
    settings = replace(settings, worker_processes=run.workers)
    logs = {name: folder / f"{name}.jsonl" for name in ("provider", "api")}
    for name, module, *more in (
        ("provider", "tests.faults.provider", "--mode", run.mode, "--trouble", str(run.trouble), "--callbacks", "0.5",
         "--secret", SECRET),
        ("api", "tests.faults.customer_api", "--jitter-ms", "30"),
    ):  # fmt: skip
        at = ("--port", str(ports[name]), "--log", str(logs[name]), "--seed", str(run.seed))
        keeper.add(python(f"double-{name}", module, *at, *more))
    found(settings, ports, run.mode, echo_flow(run.wait_for))
    _add_programs(keeper, settings, run.workers)
    site = Site(settings, ports, folder, keeper, Log(logs["provider"]), Log(logs["api"]))
    try:
        wait_for("web answers", lambda: answers(ports["web"]), START_SECONDS, keeper.look)
    except TimeoutError:
        print(keeper.logs(), file=sys.stderr)  # noqa: T201  for whoever looks for the cause
        raise
    return site


def _add_programs(keeper: Keeper, settings: Settings, workers: int) -> None:
    environment = as_environment(settings)
    for number in range(1, workers + 1):
        keeper.add(replace(python(f"worker-{number}", "app.cli", "worker"), environment=environment))
    keeper.add(replace(python("sweeper", "app.cli", "sweep"), environment=environment))
    arguments = [*web_arguments()[:-1], "tests.faults.crashing_wsgi:app"]
    keeper.add(Command("web", arguments, environment, PROJECT_FOLDER))


def _add_redis(keeper: Keeper, folder: Path) -> RedisServer:
    """A private Redis that loses everything when it is killed."""
    program = redis_program.find(redis_program.cache_folder(folder))
    if program is None:
        raise RuntimeError("No redis-server was found or could be fetched.")
    server = RedisServer.place(program, folder / "redis")

    def lose_all() -> None:
        for path in server.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    keeper.add(server.command(), lose_all)
    wait_for("Redis answers", server.answers, 10)
    return server


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


def consistency(settings: Settings) -> list[str]:
    """What `patchbay consistency` prints, a line each; nothing when all is well."""
    command = [sys.executable, "-m", "app.cli", "consistency"]
    environment = {**os.environ, **as_environment(settings)}
    done = subprocess.run(
        command, env=environment, cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines if done.returncode else []


def _stay(site: Site, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        site.keeper.look()
        time.sleep(0.02)


def answers(port: int) -> bool:
    """Whether web says that it lives."""
    line = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        line.request("GET", "/live")
        return line.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        line.close()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody uses now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


if __name__ == "__main__":
    sys.exit(main())
