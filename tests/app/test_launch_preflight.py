"""What makes a start impossible is said in one sentence that names the thing and what to do."""

import os
import resource
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Settings
from app.launch.preflight import CannotStart, check_port, check_sqlite, make_data_folder, only_launcher


def a_file_in_the_way(folder: Path) -> None:
    (folder / "in-the-way").write_text("")
    make_data_folder(folder / "in-the-way" / "data")


def a_read_only_place(_: Path) -> None:
    make_data_folder(Path("/proc/patchbay"))


def a_full_disk(folder: Path) -> None:
    """As good as full: no file may grow."""
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        make_data_folder(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
        assert list(folder.iterdir()) == []


def a_second_launcher(folder: Path) -> None:
    with only_launcher(folder), only_launcher(folder):
        raise AssertionError("both hold the folder")


def a_busy_port(_: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        check_port("127.0.0.1", other.getsockname()[1], "PORT")


def a_strange_host(_: Path) -> None:
    check_port("192.0.2.1", 8000, "PORT")


def a_host_without_address(_: Path) -> None:
    check_port("no such host", 8000, "PORT")


def an_old_sqlite(folder: Path) -> None:
    check_sqlite(Settings(data_folder=folder), version=(3, 40, 1))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (a_file_in_the_way, ["in-the-way/data", "cannot be written", "PATCHBAY_DATA"]),
        (a_read_only_place, ["/proc/patchbay", "cannot be written", "PATCHBAY_DATA"]),
        (a_full_disk, ["cannot be written (file too large)", "make room"]),
        (a_second_launcher, ["runs already", f"process {os.getpid()}", "PATCHBAY_DATA"]),
        (a_busy_port, ["on 127.0.0.1 is not free", "address already in use", "PORT"]),
        (a_strange_host, ["192.0.2.1", "cannot assign"]),
        (a_host_without_address, ["'no such host' does not exist", "HOST"]),
        (an_old_sqlite, ["SQLite 3.40.1 is too old", "3.51.3", "DATABASE_URL"]),
    ],
)
def test_a_start_that_cannot_work_is_refused_in_one_sentence(
    trouble: Callable[[Path], None], words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(CannotStart) as refusal:
        trouble(tmp_path)
    assert [word for word in words if word not in str(refusal.value)] == []
    assert "\n" not in str(refusal.value)


def test_an_old_sqlite_does_not_matter_on_postgresql(tmp_path: Path) -> None:
    settings = replace(Settings(data_folder=tmp_path), database_url="postgresql://db/patchbay")
    check_sqlite(settings, version=(3, 40, 1))
    assert settings.effective_database_url.startswith("postgresql")


def test_a_new_data_folder_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    make_data_folder(tmp_path / "a" / "data")
    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "a" / "data").iterdir()) == []


def test_the_folder_is_free_again_after_its_launcher(tmp_path: Path) -> None:
    for _ in range(2):
        with only_launcher(tmp_path):
            assert (tmp_path / "launcher.lock").read_text() == f"{os.getpid()}\n"
