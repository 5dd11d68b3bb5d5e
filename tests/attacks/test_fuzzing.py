"""The fuzzer runs clean against every door, as a token of every role may open it, and finds what is planted."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.config import Settings
from app.web import create_app
from tests.app.seeded import seeded
from tests.attacks.fuzzing import fuzz, tokens_of

_SECONDS = 8.0  # here; `python -m tests.attacks.fuzzing` takes as long as one likes


@pytest.fixture
def alone(data_folder: Path) -> Settings:
    """An installation on SQLite: the fuzzer looks at doors, not at databases."""
    where = {"DATABASE_URL": f"sqlite:///{data_folder}/fuzz.db", "PATCHBAY_DATA": str(data_folder)}
    return Settings.from_environment(where)


def test_no_drawn_request_breaks_a_door(alone: Settings) -> None:
    with seeded(alone) as house:
        found = fuzz(create_app(house.house), tokens_of(house), _SECONDS)
    assert found.faults == {}
    assert found.requests


Start = Callable[..., Any]


class Broken:
    """The application with three faults planted between it and whoever asks."""

    def __init__(self, app: Flask) -> None:
        self._real = app.wsgi_app

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == "/api/v1/runs" and environ["QUERY_STRING"]:
            return _answered(start, "500 INTERNAL SERVER ERROR", "application/json", b"{}")
        if path == "/api/v1/vocabulary":
            return _answered(start, "200 OK", "text/html", b"<p>All words</p>")
        if path == "/api/v1/queues" and method == "POST":  # whatever is wrong with it is taken
            return _answered(start, "201 CREATED", "application/json", json.dumps({"name": "x"}).encode())
        return self._real(environ, start)


def _answered(start: Start, status: str, media_type: str, body: bytes) -> Iterable[bytes]:
    start(status, [("Content-Type", media_type), ("Content-Length", str(len(body)))])
    return [body]


def test_the_fuzzer_finds_three_planted_faults(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded(alone) as house:
        app = create_app(house.house)
        monkeypatch.setattr(app, "wsgi_app", Broken(app))
        doors = ["GET /api/v1/runs", "GET /api/v1/vocabulary", "POST /api/v1/queues"]
        found = fuzz(app, [house.token], 4.0, only=doors)
    assert {
        ("GET /api/v1/runs", "ServerError"),
        ("GET /api/v1/vocabulary", "UndefinedContentType"),
        ("POST /api/v1/queues", "AcceptedNegativeData"),
    } <= set(found.faults)
