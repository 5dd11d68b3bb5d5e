"""A client of the API for tests: every answer is JSON, and every refusal has a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from flask.testing import FlaskClient

from app.config import Settings
from app.web import create_app
from tests.app.seeded import Seeded, seeded

# What is wrong with no field alone: the flow or file as a whole, or what a simulated conversation came to.
OF_NO_FIELD: Final = {
    *("empty", "not_csv", "bad_header", "bad_encoding", "too_many_rows", "lines_refused"),
    *("blocking_findings", "cannot_simulate", "simulation_too_large", "bad_state", "needs_right_to_publish"),
}


@dataclass
class Api:
    """The API of a seeded installation, with a token."""

    installation: Seeded
    client: FlaskClient

    def ask(self, method: str, path: str, expect: int = 200, headers: Any = None, **more: Any) -> dict[str, Any]:
        """One request that must be answered with this status."""
        answer = self.client.open(
            f"/api/v1{path}", method=method, headers={**self.installation.headers, **(headers or {})}, **more
        )
        assert answer.status_code == expect, answer.text
        data: dict[str, Any] = answer.get_json()
        if expect >= 400:
            assert set(data) == {"error", "code", "details"}
            assert data["error"].endswith("."), data["error"]
        if expect == 422 and data["code"] not in OF_NO_FIELD:
            assert {frozenset(fault) for fault in data["details"]["faults"]} == {frozenset({"path", "sentence"})}, data
        return data

    def get(self, path: str, expect: int = 200) -> dict[str, Any]:
        """Reads."""
        return self.ask("GET", path, expect)

    def post(self, path: str, expect: int = 200, headers: Any = None, **body: Any) -> dict[str, Any]:
        """Does something."""
        return self.ask("POST", path, expect, headers, json=body)

    def put(self, path: str, expect: int = 200, **body: Any) -> dict[str, Any]:
        """Replaces."""
        return self.ask("PUT", path, expect, json=body)

    def patch(self, path: str, expect: int = 200, **body: Any) -> dict[str, Any]:
        """Changes."""
        return self.ask("PATCH", path, expect, json=body)

    def delete(self, path: str, expect: int = 200) -> dict[str, Any]:
        """Ends."""
        return self.ask("DELETE", path, expect)


@contextmanager
def api(settings: Settings) -> Iterator[Api]:
    """The API over a freshly seeded database."""
    with seeded(settings) as installation:
        yield Api(installation, create_app(installation.house).test_client(use_cookies=False))
