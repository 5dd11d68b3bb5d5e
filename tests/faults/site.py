"""A whole installation in real processes: web, workers, sweeper, Redis, a database, and the doubles they talk to."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal

from app.config import Settings
from app.launch import redis_program
from app.launch.children import Command
from app.launch.commands import PROJECT_FOLDER, as_environment, web_arguments
from app.launch.redis_server import RedisServer
from flows.document import Flow
from tests.faults.installation import SECRET, found, settings_for
from tests.faults.keeper import COMPILED, Keeper, python, wait_for
from tests.faults.oracle import Log
from tests.faults.provider import troubles_of
from tests.postgres import PostgresServer

START_SECONDS = 60.0


@dataclass(frozen=True)
class SitePlan:
    """What is built. `trouble`: the share of the provider's requests that go wrong; `callbacks`: of states told."""

    flows: Sequence[Flow]
    database: Literal["sqlite", "postgresql"] = "sqlite"
    mode: str = "key"
    workers: int = 1
    seed: int = 1
    trouble: float = 0.0
    callbacks: float = 0.0
    provider_delay_ms: float = 0.0
    api_delay_ms: float = 0.0
    api_jitter_ms: float = 0.0


@dataclass
class Site:
    """The installation while it runs."""

    settings: Settings
    ports: dict[str, int]
    folder: Path
    keeper: Keeper
    provider_log: Log
    api_log: Log
    troubles_log: Log
    server: PostgresServer | None


@contextmanager
def open_site(plan: SitePlan, *, keeps: bool = False) -> Iterator[Site]:
    """Everything started and answering; at its end no process is left. Call it from the main thread."""
    folder = Path(tempfile.mkdtemp(prefix="patchbay-site-"))
    server = PostgresServer(durable=True) if plan.database == "postgresql" else None
    keeper = Keeper(folder)
    try:
        if server is not None:
            server.start()
            server.execute("CREATE DATABASE site")
        yield _start(plan, folder, keeper, server)
    finally:
        keeper.stop()
        if server is not None:
            server.remove()
        if not keeps:
            shutil.rmtree(folder, ignore_errors=True)


def _start(plan: SitePlan, folder: Path, keeper: Keeper, server: PostgresServer | None) -> Site:
    ports = dict(zip(("web", "api", "provider"), free_ports(3), strict=True))
    redis = _add_redis(keeper, folder)
    settings = settings_for(folder, server.url("site") if server else "", redis.url, ports)
    settings = replace(settings, worker_processes=plan.workers)
    logs = {name: folder / f"{name}.jsonl" for name in ("provider", "api")}
    _add_double(keeper, "provider", ports, logs, ["--mode", plan.mode, "--trouble", str(plan.trouble), "--seed",
                str(plan.seed), "--delay-ms", str(plan.provider_delay_ms), "--callbacks", str(plan.callbacks),
                "--secret", SECRET])  # fmt: skip
    _add_double(keeper, "customer_api", ports, logs, ["--seed", str(plan.seed), "--delay-ms", str(plan.api_delay_ms),
                "--jitter-ms", str(plan.api_jitter_ms)])  # fmt: skip
    found(settings, ports, plan.mode, *plan.flows)
    if server is not None:
        keeper.add_server(server)
    _add_programs(keeper, settings, plan)
    try:
        wait_for("web answers", lambda: answers(ports["web"]), START_SECONDS, keeper.look)
    except TimeoutError:
        print(keeper.logs(), file=sys.stderr)  # noqa: T201  for whoever looks for the cause
        raise
    troubles = Log(troubles_of(logs["provider"]))
    return Site(settings, ports, folder, keeper, Log(logs["provider"]), Log(logs["api"]), troubles, server)


def _add_double(
    keeper: Keeper, module: str, ports: dict[str, int], logs: dict[str, Path], arguments: Sequence[str]
) -> None:
    name = "provider" if module == "provider" else "api"
    where = ("--port", str(ports[name]), "--log", str(logs[name]))
    keeper.add(python(f"double-{name}", f"tests.faults.{module}", *where, *arguments))


def _add_programs(keeper: Keeper, settings: Settings, plan: SitePlan) -> None:
    environment = as_environment(settings)
    worker = ("tests.faults.worker_without_look_ups",) if plan.mode == "neither" else ("app.cli", "worker")
    for number in range(1, plan.workers + 1):
        keeper.add(replace(python(f"worker-{number}", *worker), environment=environment))
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


def consistency(settings: Settings) -> list[str]:
    """What `patchbay consistency` prints, a line each; nothing when all is well."""
    command = [sys.executable, "-m", "app.cli", "consistency"]
    environment = {**os.environ, **COMPILED, **as_environment(settings)}
    done = subprocess.run(
        command, env=environment, cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return (lines or ["the command failed silently"]) if done.returncode else []


def answers(port: int) -> bool:
    line = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        line.request("GET", "/live")
        return line.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        line.close()


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
