"""What every test may ask for: a migrated database of either kind, a private Redis, a data folder, a browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.config import Settings
from app.consistency import breaches
from app.db import Database
from app.launch import redis_program
from app.launch.children import end_group, start
from app.launch.redis_server import RedisServer
from app.migrating import migrate
from tests.answers import held_to_their_description
from tests.postgres import DatabaseCopies, PostgresServer

_LONGEST = ("test_simulation.py", "test_kill_run.py")  # parts alike, one for each process, then two that mostly wait


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the tests' time goes by in waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lasts minutes comes first in the share of each process; in the end the others would wait for it."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    lasting = [item for item in items if item.path.parent.name == "faults"]
    lasting.sort(key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST))
    others = [item for item in items if item.path.parent.name != "faults"]
    dealt: list[pytest.Item] = []
    for number in range(processes):
        share = (len(items) - len(dealt)) // (processes - number)
        first = lasting[number::processes]
        room = max(share - len(first), 0)
        dealt += [*first, *others[:room]]
        del others[:room]
    items[:] = dealt


@pytest.fixture(autouse=True)
def _answers() -> Iterator[None]:
    """Whatever the API answers in a test is what its description says."""
    with held_to_their_description() as wrong:
        yield
    assert wrong == []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL; a test that stops it must use one of its own."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_copies(postgres_server: PostgresServer) -> DatabaseCopies:
    """Copies of a migrated database, one for each test."""
    postgres_server.execute("CREATE DATABASE migrated")
    migrate(Settings.from_environment({"DATABASE_URL": postgres_server.url("migrated")}))
    return DatabaseCopies(postgres_server, "migrated")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated SQLite file that nobody opens, to be copied for each test."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate(Settings.from_environment({"PATCHBAY_DATA": str(folder)}))
    return folder


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """An empty PATCHBAY_DATA."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, data_folder: Path, sqlite_template: Path) -> Iterator[str]:
    """DATABASE_URL of a fresh, migrated SQLite file in the test's data folder; afterwards it is consistent."""
    for file in sqlite_template.glob("patchbay.db*"):
        shutil.copy(file, data_folder)
    url = f"sqlite:///{data_folder / 'patchbay.db'}"
    yield url
    _assert_consistent(request, url)


@pytest.fixture
def postgresql_url(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, postgres_copies: DatabaseCopies
) -> Iterator[str]:
    """DATABASE_URL of a migrated PostgreSQL database in which nothing is; afterwards it is consistent."""
    name = postgres_copies.take()
    url = postgres_server.url(name)
    yield url
    _assert_consistent(request, url)
    postgres_copies.give_back(name)


def _assert_consistent(request: pytest.FixtureRequest, url: str) -> None:
    """Whatever a test did, no conversation is lost; one that breaks the order or the database itself says so."""
    if request.node.get_closest_marker("inconsistent"):
        return
    database = Database.connect(Settings.from_environment({"DATABASE_URL": url}))
    try:
        with database.reading() as session:
            assert [str(breach) for breach in breaches(session)] == []
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """DATABASE_URL of a fresh, migrated database: a test that asks for it runs once on each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="session")
def session_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's Redis; a test that stops it must use one of its own (`private_redis`)."""
    with private_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(session_redis: RedisServer) -> str:
    """REDIS_URL of an empty private Redis."""
    session_redis.ask("FLUSHALL")
    return session_redis.url


@pytest.fixture
def settings(database_url: str, redis_url: str, data_folder: Path) -> Settings:
    """Settings over all of the above, on both databases."""
    return Settings.from_environment(
        {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PATCHBAY_DATA": str(data_folder)}
    )


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program; without one the test is skipped, saying why."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    pytest.skip("no chromium on PATH (as root on Debian `make test` installs it)")


@contextmanager
def private_redis(folder: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own in that folder, gone at the end."""
    program = redis_program.find(redis_program.cache_folder(folder))
    assert program is not None, "no redis-server was found or could be fetched"
    server = RedisServer.place(program, folder)
    process = start(server.command())
    try:
        assert server.wait_until_it_answers(10), (folder / "redis.log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)
        end_group(process)
        server.tidy()
