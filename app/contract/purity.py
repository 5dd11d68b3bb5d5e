"""Finding code that asks the world: by reading it, and by watching it run."""

import ast
import contextlib
import gc
import random
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any

WORLDLY_MODULES = frozenset(
    [
        "asyncio",
        "ctypes",
        "ftplib",
        "gevent",
        "http",
        "httpx",
        "multiprocessing",
        "os",
        "random",
        "requests",
        "secrets",
        "select",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "urllib3",
        "uuid",
    ]
)
HARMLESS_MODULES = frozenset({"urllib.parse"})  # texts in, texts out
WORLDLY_CALLS = frozenset({"open", "input", "print", "eval", "exec", "compile", "__import__", "hash", "id", "globals"})
CLOCKS = frozenset({("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")})
_CLOCK_CALLS = frozenset({"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"})
_AUDITED = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "urllib.",
    "ftplib.",
    "smtplib.",
)

_watched: list[list[str]] = []  # an audit hook stays for ever, so it looks here whether anybody watches


def worldly_code(path: Path) -> list[str]:
    """Every import, call and name in a file that would reach a clock, chance or anything outside, with its line."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [f"{path.name}:{getattr(node, 'lineno', 0)}: {name}" for node in nodes for name in _worldly(node)]


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Lists what the code run inside asked of clocks, chance and the outside."""
    asked: list[str] = []
    _watched.append(asked)
    before = sys.getprofile()
    gc.disable()  # others hang their own code onto it, with clocks in it
    sys.setprofile(lambda frame, event, called: _note(asked, frame, event, called))
    try:
        yield asked
    finally:
        sys.setprofile(before)
        gc.enable()
        _watched.remove(asked)


def _worldly(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if _is_worldly(alias.name))
    elif isinstance(node, ast.ImportFrom):
        if _is_worldly(str(node.module)):
            yield str(node.module)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in WORLDLY_CALLS:
            yield f"{node.func.id}()"
    elif isinstance(node, ast.Attribute):
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if (owner, node.attr) in CLOCKS:
            yield f"{owner}.{node.attr}"


def _is_worldly(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in WORLDLY_MODULES and module not in HARMLESS_MODULES


def _note(asked: list[str], frame: FrameType, event: str, called: Any) -> None:
    if event != "c_call":
        return
    name, owner = getattr(called, "__name__", ""), getattr(called, "__self__", None)
    is_clock = getattr(called, "__module__", "") == "time" and name in _CLOCK_CALLS
    is_calendar = isinstance(owner, type) and issubclass(owner, date | datetime) and name in {"now", "utcnow", "today"}
    is_chance = isinstance(owner, random.Random) or name in {"urandom", "getrandom"}
    if is_clock or is_calendar or is_chance:
        asked.append(f"{name} in {frame.f_code.co_filename}:{frame.f_lineno}")


def _audit(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(_AUDITED):
        for asked in _watched:
            asked.append(event)


sys.addaudithook(_audit)
