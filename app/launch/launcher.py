"""Runs a whole installation from one command until it is told to stop."""

import dataclasses
import http.client
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.config import Settings
from app.launch import redis_program
from app.launch.children import Children, Command
from app.launch.commands import commands
from app.launch.preflight import CannotStart, check_port, check_sqlite, make_data_folder, only_launcher
from app.launch.redis_server import RedisServer
from app.stopping import Stopping

REDIS_START_SECONDS = 10.0
LOOK_SECONDS = 0.05
IMPATIENT_SECONDS = 1.0
"""Until then a second signal is the first one's copy: make and timeout pass on what the whole group was sent."""

Prepare = Callable[[Settings], Sequence[str]]
Programs = Callable[[Settings], Sequence[Sequence[Command]]]


def launch(settings: Settings, prepare: Prepare = lambda _: (), programs: Programs = commands) -> int:
    """Start everything and keep it running until SIGINT, SIGTERM, SIGHUP or the terminal's end; the exit code.

    `prepare` gets the settings that the children will run with (Redis and the example API included), brings the
    database up to date and returns lines to print once web answers. Call it from the main thread.

    Raises: what `prepare` raises, after everything was stopped.
    """
    children = Children(_say)
    try:
        settings = _checked(settings)
        with (
            only_launcher(settings.data_folder),
            _stop_signals(children) as stop,
            _private_redis(settings, children) as url,
        ):
            settings = dataclasses.replace(settings, redis_url=url)
            try:
                lines = prepare(settings)
                for group in programs(settings):
                    children.add(group)
                _keep_running(children, stop, settings, lines)
            finally:
                children.stop()
    except CannotStart as reason:
        _say(str(reason))
        return 1
    return 0


def _checked(settings: Settings) -> Settings:
    """The settings with every default filled in that the children must agree on."""
    data_folder = settings.data_folder.absolute()
    api_port = settings.effective_customer_api_port
    make_data_folder(data_folder)
    check_sqlite(settings)
    check_port(settings.host, settings.port, "PORT")
    check_port("127.0.0.1", api_port, "CUSTOMER_API_PORT")
    return dataclasses.replace(
        settings,
        data_folder=data_folder,
        secret_key_file=settings.secret_key_file.absolute(),
        customer_api_port=api_port,
        allowed_private_hosts=settings.allowed_private_hosts | {("127.0.0.1", api_port)},
    )


@contextmanager
def _stop_signals(children: Children) -> Iterator[Stopping]:
    """What the first signal sets; one after IMPATIENT_SECONDS kills what does not want to stop."""
    stop = Stopping()
    told = 0.0

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal told
        if not stop.is_set:
            told = time.monotonic()
        elif time.monotonic() - told > IMPATIENT_SECONDS:
            children.kill()
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _private_redis(settings: Settings, children: Children) -> Iterator[str]:
    """REDIS_URL: the one that was set, else a server of our own, else none."""
    if settings.redis_url:
        yield settings.redis_url
        return
    program = redis_program.find(redis_program.cache_folder(settings.data_folder))
    if program is None:
        _say("No Redis was found or could be fetched; everything works without it, up to a second slower.")
        yield ""
        return
    server = RedisServer.place(program, settings.data_folder / "redis")
    try:
        children.add([server.command()])
        if server.wait_until_it_answers(REDIS_START_SECONDS):
            yield server.url
        else:
            children.stop()
            _say(f"{program} does not start, see {server.folder / 'redis.log'}; everything works without.")
            yield ""
    finally:
        children.stop()
        server.tidy()


def _keep_running(children: Children, stop: Stopping, settings: Settings, lines: Sequence[str]) -> None:
    greeted, has_terminal = False, os.isatty(0)
    while not stop.wait(LOOK_SECONDS):
        if has_terminal and not os.isatty(0):
            return  # it hung up; where make leads the session, make alone is told, and keeps it to itself
        children.look()
        if not greeted and _web_answers(settings):
            greeted = True
            _print([f"Patchbay runs at {settings.effective_public_url}  (Ctrl-C stops it)", *lines])


def _web_answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  compared, not bound
    line = http.client.HTTPConnection(host, settings.port, timeout=1.0)
    try:
        line.request("GET", "/live")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _say(sentence: str) -> None:
    print(f"patchbay: {sentence}", file=sys.stderr, flush=True)
