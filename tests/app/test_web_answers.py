"""What every process of web answers: alive, ready, away, and never a bare page of an error."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from flask.testing import FlaskClient

from app.config import Settings
from app.db import Database
from app.log_lines import write_json_lines
from app.schema import known_schemas
from app.web import create_app
from tests.app.seeded import Seeded, seeded

NOBODY = Settings.from_environment({"DATABASE_URL": "postgresql://127.0.0.1:1/none?connect_timeout=1"})


@pytest.fixture
def house(settings: Settings) -> Iterator[Seeded]:
    with seeded(settings) as found:
        yield found


def client_of(house: Seeded, *, away: bool = False) -> FlaskClient:
    """A browser; `away` takes the database away from the application."""
    changed = replace(house.house, database=Database.connect(NOBODY)) if away else house.house
    return create_app(changed).test_client(use_cookies=False)


def states(client: FlaskClient) -> tuple[int, dict[str, str]]:
    """The status of /ready and the state of each check."""
    answer = client.get("/ready")
    return answer.status_code, {check["name"]: check["state"] for check in answer.get_json()["checks"]}


def test_the_way_in_leads_to_the_chat_until_there_is_somebody_who_signs_in(house: Seeded) -> None:
    answer = client_of(house).get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/chat")
    link = "/first/" + house.lines[0].rpartition("/")[2]
    client_of(house).post(link, data={"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"})
    answer = client_of(house).get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in")


def test_a_process_in_order_is_alive_and_ready(house: Seeded) -> None:
    client = client_of(house)
    assert client.get("/live").status_code == 200
    assert states(client) == (200, dict.fromkeys(("database", "tables", "key", "disk", "redis"), "ok"))


def test_without_redis_it_is_ready_with_a_warning(house: Seeded) -> None:
    without = replace(house.house.settings, redis_url="")
    client = create_app(replace(house.house, settings=without)).test_client()
    code, found = states(client)
    assert (code, found["redis"]) == (200, "warning")


def test_other_tables_or_a_lost_key_make_it_unready(house: Seeded) -> None:
    client = client_of(house)
    house.write("UPDATE alembic_version SET version_num = '9999'")
    assert states(client)[1]["tables"] == "failed"
    house.write("UPDATE alembic_version SET version_num = :head", head=known_schemas()[0])
    house.house.settings.secret_key_file.unlink()
    code, found = states(client)
    assert (code, found["key"], found["tables"]) == (503, "failed", "ok")
    assert str(house.house.settings.data_folder) not in client.get("/ready").text


def test_while_the_database_is_away_it_lives_and_says_when_to_come_back(house: Seeded) -> None:
    client = client_of(house, away=True)
    assert client.get("/live").status_code == 200
    code, found = states(client)
    assert (code, found["database"], "tables" in found) == (503, "failed", False)
    for method, path in (("GET", "/api/v1/flows"), ("POST", "/first/x"), ("GET", "/first/x"), ("GET", "/files/1/x")):
        answer = client.open(path, method=method, headers=house.headers)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable"), path
        assert answer.headers["Retry-After"] == "2"


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = [
    ("GET", "/nothing", 404, "There is nothing at this address"),
    ("GET", "/files/1/x", 404, "open the conversation again"),
    ("GET", "/updates?ticket=x", 403, "This address was valid for one minute"),
    ("GET", "/chat/web-chat/visits", 405, "This address does not take GET"),
    ("GET", "/chat/nothing", 404, "No chat has this name"),
]


@pytest.mark.parametrize(("method", "path", "status", "words"), PAGES)
def test_a_person_with_a_browser_reads_a_page_that_runs_nothing(
    house: Seeded, method: str, path: str, status: int, words: str
) -> None:
    answer = client_of(house).open(path, method=method, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/v1/flows", "/api/v1/nothing", "/hooks/nowhere/messages"])
def test_the_doors_of_programs_speak_json_to_browsers_too(house: Seeded, path: str) -> None:
    assert client_of(house).get(path, headers=BROWSER).mimetype == "application/json"


def test_while_the_database_is_away_a_person_is_told_so(house: Seeded) -> None:
    answer = client_of(house, away=True).get("/first/x", headers=BROWSER)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Away for a moment" in answer.text


def test_an_error_of_ours_is_a_sentence_and_a_log_line(house: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("secret detail")

    client = client_of(house)
    monkeypatch.setattr("app.web.pages.readiness", broken)
    with structlog.testing.capture_logs() as lines:
        answer = client.get("/ready")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "unexpected")
    assert "secret detail" not in answer.text
    assert [line["event"] for line in lines] == ["unexpected", "request"]


def test_the_line_of_a_request_holds_no_secret_of_its_address(house: Seeded) -> None:
    client = client_of(house)
    with structlog.testing.capture_logs() as lines:
        client.get("/first/very-secret")
        client.get("/files/1/very-secret")
        client.get("/updates?ticket=very-secret")
        client.get("/api/v1/conversations/PB-12345?x=very-secret", headers=house.headers)
        client.get("/live")
    assert [line["route"] for line in lines if line["event"] == "request"] == [
        "/first/<secret>",
        "/files/<int:file_id>/<signature>",
        "/updates",
        "/api/v1/conversations/<reference>",
    ]
    assert lines[-1]["reference"] == "PB-12345"
    assert "very-secret" not in str(lines)


def test_log_lines_are_json_from_both_kinds_of_logger(capsys: pytest.CaptureFixture[str]) -> None:
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    try:
        write_json_lines()
        write_json_lines()
        logging.getLogger("patchbay.worker").warning("The worker of %s ends.", "x")
        structlog.get_logger("patchbay.web").info("request", route="/")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [(line["event"], line["level"], line["logger"]) for line in lines] == [
            ("The worker of x ends.", "warning", "patchbay.worker"),
            ("request", "info", "patchbay.web"),
        ]
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()
