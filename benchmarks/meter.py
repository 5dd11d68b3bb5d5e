"""What a stretch of work costs: processor time from /proc, commits and syncs from the database itself."""

import os
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.db import Database
from tests.faults.keeper import children_of
from tests.faults.site import Site

_TICKS = os.sysconf("SC_CLK_TCK")
_CHANGE = struct.Struct("=I")
_CHANGE_OFFSET = 8
"""Where the WAL index counts its transactions: https://sqlite.org/walformat.html#the_wal_index_header"""


@dataclass(frozen=True)
class Reading:
    """Processor seconds by kind of process and of the whole machine, write commits, and syncs to disk."""

    at: float
    cpu_seconds: Mapping[str, float]
    machine_seconds: float
    commits: int
    syncs: int

    def since(self, earlier: "Reading") -> "Reading":
        """What was used in between."""
        cpu = {kind: seconds - earlier.cpu_seconds.get(kind, 0.0) for kind, seconds in self.cpu_seconds.items()}
        return Reading(
            self.at - earlier.at,
            cpu,
            self.machine_seconds - earlier.machine_seconds,
            self.commits - earlier.commits,
            self.syncs - earlier.syncs,
        )

    @property
    def foreign_percent(self) -> float:
        """Of a difference: how much of the machine's processors others used meanwhile."""
        ours = sum(self.cpu_seconds.values())
        return max(0.0, 100 * (self.machine_seconds - ours) / (self.at * (os.cpu_count() or 1)))


def read(site: Site) -> Reading:
    """The meters now."""
    cpu: dict[str, float] = {"driver": time.process_time()}
    for name, kept in site.keeper.kept.items():
        kind = name.partition("-")[0]
        cpu[kind] = cpu.get(kind, 0.0) + cpu_seconds_of(kept.pid)
    if site.server is None:
        commits = _sqlite_commits(site.folder / "patchbay.db-shm")
        return Reading(time.time(), cpu, _machine_seconds(), commits, commits)  # synchronous=FULL: each is synced
    commits, syncs = _postgresql_commits(site)
    return Reading(time.time(), cpu, _machine_seconds(), commits, syncs)


def cpu_seconds_of(pid: int) -> float:
    """Of a process and all below it, those that have ended included."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    own, ended = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return (own + ended) / _TICKS + sum(cpu_seconds_of(child) for child in children_of(pid))


def _machine_seconds() -> float:
    """All processors' busy time: https://man7.org/linux/man-pages/man5/proc_stat.5.html"""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + interrupts + soft) / _TICKS


def _sqlite_commits(index: Path) -> int:
    return int(_CHANGE.unpack_from(index.read_bytes(), _CHANGE_OFFSET)[0])


def _postgresql_commits(site: Site) -> tuple[int, int]:
    """Transactions that wrote, by the numbers they were given; syncs of the log."""
    if site.server is None:
        raise ValueError("There is no server.")
    (row,) = site.server.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", "site")
    (syncs,) = site.server.execute("SELECT coalesce(sum(fsyncs), 0) FROM pg_stat_io WHERE object = 'wal'", "site")
    return int(row[0]), int(syncs[0])


def database_version(site: Site) -> str:
    """Name and version of the database."""
    database = Database.connect(site.settings, pool_size=1)
    try:
        with database.reading() as session:
            query = "SELECT sqlite_version()" if database.is_sqlite else "SHOW server_version"
            version = session.connection().exec_driver_sql(query).scalar_one()
        return f"{'SQLite' if database.is_sqlite else 'PostgreSQL'} {version}"
    finally:
        database.close()
