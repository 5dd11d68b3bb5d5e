"""The disk of the data folder, or of PostgreSQL's data, becomes full while messages come, and has space again later."""

import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tests.faults.echo_flow import echo_flow
from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.keeper import wait_for
from tests.faults.site import Site, SitePlan, answers, open_site
from tests.faults.tables import number
from tests.faults.traffic import Traffic, end_consistent

NAME = "full-disk"
PROMISE = "On a full disk no webhook gets a 200 without its row; with space again everything goes on by itself."
DATABASES: Sequence[DatabaseKind] = ("sqlite", "postgresql")

_PER_SECOND = 8.0
_BEFORE, _FULL, _MESSAGES = 6.0, 20.0, 320
_MIB = 1024 * 1024
_SPARE_BYTES = 24 * _MIB
_ROWS = "SELECT count(*) FROM inbound_events WHERE kind = 'message_received'"


def run(database: DatabaseKind, seed: int) -> Figures:
    """A small file system is made for the data; only root can, so without root nothing is tried."""
    figures = Figures()
    if os.geteuid() != 0:
        figures.values["not_tried"] = "only root can make a small file system"
        return figures
    with open_site(SitePlan([echo_flow(notes=False)], database, seed=seed)) as site, _on_a_small_disk(site) as disk:
        traffic = Traffic.of(site, _MESSAGES, 60, seed)
        traffic.let_in(_BEFORE, _PER_SECOND)
        _fill(disk)
        full_at = time.time()
        traffic.let_in(_FULL, _PER_SECOND)
        free_at = time.time()
        (disk / "ballast").unlink()
        traffic.finish(figures, 120)
        while_full = [one for one in traffic.driver.answers if full_at <= one.at < free_at]
        kept = number(site.settings, _ROWS)
        figures.values |= {
            "answers_while_full": {str(status): n for status, n in Counter(one.status for one in while_full).items()},
            "accepted": len(traffic.driver.accepted),
            "rows": kept,
        }
        figures.expect(
            kept == len(traffic.driver.accepted), "A webhook got its 200 without a row, or a row without it."
        )
        strange = {one.status for one in while_full} - {200, 503}
        figures.expect(not strange, f"A webhook was answered with {strange} (0: not at all).")
        figures.expect(any(one.status == 503 for one in while_full), "The disk was not full enough to be noticed.")
        return end_consistent(figures, site)


@contextmanager
def _on_a_small_disk(site: Site) -> Iterator[Path]:
    """Moves the data of the stopped site to a file system of its own with little space, and starts the site again."""
    programs = [site.keeper.kept.pop(name) for name in ("web", "sweeper", "worker-1")]
    for program in programs:
        program.stop()
    if site.server is None:
        disk = site.folder / "disk"
        disk.mkdir()
        source, owner = list(site.folder.glob("patchbay.db*")), 0
    else:
        site.server.stop()
        disk = site.server.folder / "data"
        aside = disk.rename(site.server.folder / "data-aside")
        disk.mkdir()
        source, owner = [aside], aside.stat().st_uid
    used = sum(path.stat().st_size for one in source for path in (one.rglob("*") if one.is_dir() else [one]))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + _SPARE_BYTES}", "patchbay", str(disk)], check=True)
    try:
        for one in source:
            shutil.copytree(one, disk, dirs_exist_ok=True) if one.is_dir() else shutil.copy(one, disk)
        if site.server is None:
            shutil.move(site.folder / "secret.key", disk / "secret.key")
            site.settings = replace(site.settings, data_folder=disk, secret_key_file=disk / "secret.key")
        else:
            subprocess.run(["chown", "-R", str(owner), str(disk)], check=True)
            disk.chmod(0o700)
            site.server.start()
        for program in programs:
            places = {"PATCHBAY_DATA": str(site.settings.data_folder)}
            places["SECRET_KEY_FILE"] = str(site.settings.secret_key_file)
            program.command = replace(program.command, environment={**program.command.environment, **places})
            program.look()
            site.keeper.kept[program.command.name] = program
        wait_for("web answers", lambda: answers(site.ports["web"]), 60, site.keeper.look)
        yield disk
    finally:
        for program in programs:
            program.stop()
        if site.server is not None:
            site.server.stop(immediately=True)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb") as file, suppress(OSError):
        while True:
            file.write(b"\0" * 65_536)
            file.flush()
