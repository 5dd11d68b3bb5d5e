"""Every way in which another system can fail a flow: told to the flow, the trace, the errors page and the counts."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.config import Settings
from tests.app.bad_answers import announce_a_gigabyte, close_in_mid_body, say_nothing
from tests.app.drawn import drawn, fetches, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.raw_server import RawServer, Talk, serving

PATHS = {
    "/large": announce_a_gigabyte,
    "/slow": say_nothing,
    "/half": close_in_mid_body,
}
STATUSES = {"/forbidden": "403 Forbidden", "/broken": "500 Internal Server Error", "/odd": "302 Found"}


def answer(talk: Talk) -> None:
    """By the path."""
    if talk.path in PATHS:
        PATHS[talk.path](talk)
    elif talk.path == "/away":
        talk.answer(b"", "302 Found", location="ftp://example.com/")
    elif talk.path == "/page":
        talk.answer(b"<p>")
    else:
        talk.answer(b'{"n": "many"}', STATUSES.get(talk.path, "200 OK"))


@pytest.fixture
def other() -> Iterator[RawServer]:
    """The other system."""
    with serving(answer) as server:
        yield server


@pytest.fixture
def greeter_port() -> Iterator[int]:
    """A port that speaks first, and no TLS."""

    def greet() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"220 mail.example.com ready\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def ports(other: RawServer, greeter_port: int, closed_port: int) -> dict[str, int]:
    """All of them."""
    return {"port": other.port, "greeter": greeter_port, "closed": closed_port}


@pytest.fixture
def room(runtime_settings: Settings, doubles: None, ports: dict[str, int]) -> Iterator[Runtime]:
    """A house that may ask them."""
    hosts = frozenset(("127.0.0.1", port) for port in ports.values())
    with runtime(runtime_settings, allowed_private_hosts=hosts) as made:
        yield made


def mapping(path: str, kind: str) -> dict[str, Any]:
    return {"mapping": [{"path": path, "variable": "x", "type": kind, "required": True}]}


KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("dns", "http://no-such-host.invalid/", {}),
    ("connect", "http://127.0.0.1:{closed}/", {}),
    ("connect", "{origin}/half", {}),
    ("tls", "https://127.0.0.1:{greeter}/", {}),
    ("timeout", "{origin}/slow", {"timeout_seconds": 0.5}),
    ("http_4xx", "{origin}/forbidden", {}),
    ("http_5xx", "{origin}/broken", {}),
    ("unexpected_status", "{origin}/", {"expected_statuses": [201]}),
    ("redirect_refused", "{origin}/away", {}),
    ("too_large", "{origin}/large", {}),
    ("not_json", "{origin}/page", mapping("n", "text")),
    ("mapping_missing", "{origin}/", mapping("nobody.knows", "text")),
    ("type_mismatch", "{origin}/", mapping("n", "number")),
    ("blocked_address", "http://169.254.169.254/latest/meta-data", {}),
    ("blocked_address", "http://127.0.0.1:9/", {}),
    ("bad_address", "http://user@127.0.0.1:{port}/", {}),
    ("bad_address", "{origin}/", {"headers": [{"name": "Host", "value": "evil"}]}),
    ("secret_missing", "{origin}/", {"credential": "nobody"}),
    ("outcome_unknown", "{origin}/half", {"method": "POST"}),
    ("expression_error", "{origin}/{{ nobody }}", {}),
]


@pytest.mark.parametrize(("kind", "url", "config"), KINDS)
def test_an_error_reaches_the_flow_the_trace_the_errors_page_and_the_counts(
    room: Runtime, ports: dict[str, int], kind: str, url: str, config: dict[str, Any]
) -> None:
    url = url.replace("{origin}", "http://127.0.0.1:{port}")
    for name, port in ports.items():
        url = url.replace(f"{{{name}}}", str(port))
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": fetches(url, to="tell", retry_count=0, **config),
        "tell": sends("{{ error.kind }} at {{ error.step }}: {{ error.message }}"),
    }
    room.publish(drawn("Asks", steps))
    room.write("hello")
    room.drive()
    (told,) = room.provider.texts
    assert told.startswith(f"{kind} at ask: ")
    assert told.endswith(".")
    (noted,) = room.rows("SELECT step, kind, message FROM problems")
    assert f"{noted['kind']} at {noted['step']}: {noted['message']}" == told
    entries = json.loads(room.one("SELECT trace FROM turns")["trace"])
    (entry,) = [one for one in entries if one["step"] == "ask"]
    assert (entry["exit"], entry["failure"]["kind"]) == ("failure", kind)
    counted = room.one("SELECT exit, taken, failed FROM step_counts WHERE step = 'ask'")
    assert dict(counted) == {"exit": "failure", "taken": 1, "failed": 1}


def test_a_spared_host_fails_the_step_as_circuit_open(room: Runtime, other: RawServer) -> None:
    often = {"retry_count": 5, "retry_back_off_seconds": 0.1, "retry_statuses": [500]}
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": fetches(f"{other.origin}/broken", to="tell", **often),
        "tell": sends("{{ error.kind }}"),
    }
    room.publish(drawn("Asks", steps))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["circuit_open"]
    assert room.problems() == ["circuit_open"]
    assert len(other.talks) == 5
