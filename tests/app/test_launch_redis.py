"""The private Redis: which program runs it, where it listens, what it keeps."""

from pathlib import Path

import pytest

from app.launch import redis_program
from app.launch.redis_server import RedisServer
from tests.conftest import private_redis


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64 build=dff95a8e7a99d269", True),
        ("Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=a3fdef44459b3ad6", False),
        ("Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=3c9bb2d0d0a1a4b1", True),
        ("Redis server v=10.0.0 sha=00000000:0", True),
        ("hello", False),
    ],
)
def test_a_program_is_used_from_version_6_2_on(says: str, expected: bool, tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o700)
    assert redis_program.is_new_enough(program) is expected


def test_a_program_that_is_missing_or_broken_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a program")
    assert not redis_program.is_new_enough(tmp_path / "missing")
    assert not redis_program.is_new_enough(tmp_path / "text")


def test_without_any_program_none_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_program, "_in_installed_wheel", lambda: None)
    monkeypatch.setattr("sys.executable", "/does/not/exist")
    assert redis_program.find(tmp_path / "cache") is None


def test_a_long_folder_gets_its_socket_elsewhere_and_private(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    server = RedisServer.place(Path("redis-server"), folder)
    assert server.socket_path.parent != folder
    assert len(str(server.socket_path)) <= 100
    assert server.socket_path.parent.stat().st_mode & 0o077 == 0
    server.tidy()
    assert not server.socket_path.parent.exists()


def test_a_silent_server_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    assert not RedisServer.place(Path("redis-server"), tmp_path).wait_until_it_answers(0.05)


def test_what_redis_was_told_is_there_after_its_restart(tmp_path: Path) -> None:
    for expected in ("1", "2"):
        with private_redis(tmp_path) as server:
            assert server.ask("INCR starts") == f":{expected}"
