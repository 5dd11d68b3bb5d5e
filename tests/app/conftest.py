"""The runtime's own fixtures: a house whose conversations end in order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.channels import registry
from app.config import Settings
from tests.app.api import Api, an_api
from tests.app.house import Runtime, runtime
from tests.app.provider import install_doubles


@pytest.fixture
def runtime_settings(database_url: str, data_folder: Path) -> Settings:
    """Settings over a fresh database of either kind, without Redis: everything works by polling."""
    return Settings.from_environment({"DATABASE_URL": database_url, "PATCHBAY_DATA": str(data_folder)})


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The provider's channels are installed."""
    install_doubles(monkeypatch)
    yield
    monkeypatch.undo()
    registry.channels.cache_clear()


@pytest.fixture
def api() -> Iterator[Api]:
    """Somebody's API; a `room` of the same test may ask it."""
    with an_api() as made:
        yield made


@pytest.fixture
def room(request: pytest.FixtureRequest, runtime_settings: Settings, doubles: None) -> Iterator[Runtime]:
    """A furnished house; whatever a test did in it, the consistency check must find nothing afterwards."""
    hosts: frozenset[tuple[str, int]] = frozenset()
    if "api" in request.fixturenames:
        hosts = frozenset({("127.0.0.1", request.getfixturevalue("api").port)})
    with runtime(runtime_settings, allowed_private_hosts=hosts) as made:
        yield made


@pytest.fixture
def postgresql_room(postgresql_url: str, data_folder: Path, doubles: None) -> Iterator[Runtime]:
    """A furnished house on PostgreSQL that tells of deadlocks soon, in which nobody writes too much."""
    url = f"{postgresql_url}&options=-c%20deadlock_timeout%3D50ms"
    with runtime(Settings(data_folder=data_folder, database_url=url), messages_per_minute=0) as made:
        yield made
