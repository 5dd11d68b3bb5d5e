"""Connections: kept, replaced when stale, never mixed, secure, and gone in time."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.outgoing import Guarded, OutgoingError, OutgoingRequest
from app.outgoing.connections import IDLE_SECONDS_UNSAFE
from app.outgoing.lookup import Resolver
from tests.app.certificates import self_signed
from tests.app.raw_server import RawServer, Talk, serving


def guarded(server: RawServer, **options: object) -> Guarded:
    return Guarded(frozenset({("127.0.0.1", server.port)}), **options)  # type: ignore[arg-type]  # passed on as given


def fixed(*addresses: str) -> Resolver:
    return lambda _host, _port: list(addresses)


def test_a_kept_connection_serves_again() -> None:
    with serving(lambda talk: talk.answer(b"gold")) as server:
        client = guarded(server)
        for method in ("GET", "POST", "GET", "PUT"):
            assert client.send(OutgoingRequest(method, server.origin, body=b"x")).body == b"gold"
        assert (server.connections, len(server.talks)) == (1, 4)
        client.close()


def test_a_connection_with_unread_rest_is_not_kept() -> None:
    with serving(
        lambda talk: talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n")
    ) as server:
        client = guarded(server)
        first = client.send(OutgoingRequest("GET", server.origin))
        assert first.body == b"ok"
        assert client.send(OutgoingRequest("GET", server.origin)).body == b"ok"


@pytest.mark.parametrize(
    ("method", "repeated"), [("GET", True), ("PUT", True), ("DELETE", True), ("POST", False), ("PATCH", False)]
)
def test_only_what_may_be_repeated_is_sent_again_when_a_kept_connection_closes(method: str, repeated: bool) -> None:
    closed: list[Talk] = []

    def answer(talk: Talk) -> None:
        if talk.headers["x-number"] == "2" and not closed:
            closed.append(talk)
            talk.hang_up()
        else:
            talk.answer(b"gold")

    with serving(answer) as server:
        client = guarded(server)
        client.send(OutgoingRequest("GET", server.origin, headers={"X-Number": "1"}))
        second = OutgoingRequest(method, server.origin, headers={"X-Number": "2"}, body=b"x")
        if repeated:
            assert client.send(second).body == b"gold"
            assert len(server.talks) == 3
        else:
            with pytest.raises(OutgoingError) as caught:
                client.send(second)
            assert (caught.value.kind, caught.value.may_have_arrived) == ("connection_lost", True)
            assert len(server.talks) == 2


def test_a_repeat_that_cannot_connect_does_not_hide_that_the_first_may_have_arrived() -> None:
    def answer(talk: Talk) -> None:
        if talk.headers["x-number"] == "1":
            talk.answer(b"gold")
        else:
            server.listener.shutdown(socket.SHUT_RDWR)
            talk.hang_up()

    with serving(answer) as server:
        client = guarded(server)
        client.send(OutgoingRequest("GET", server.origin, headers={"X-Number": "1"}))
        with pytest.raises(OutgoingError) as caught:
            client.send(OutgoingRequest("DELETE", server.origin, headers={"X-Number": "2"}))
    assert (caught.value.kind, caught.value.may_have_arrived) == ("connect", True)


def test_a_connection_that_rested_long_takes_no_post() -> None:
    seconds = [0.0]
    with serving(lambda talk: talk.answer()) as server:
        client = guarded(server, clock=lambda: seconds[0])
        client.send(OutgoingRequest("GET", server.origin))
        seconds[0] += IDLE_SECONDS_UNSAFE * 2
        client.send(OutgoingRequest("GET", server.origin))
        assert server.connections == 1
        seconds[0] += IDLE_SECONDS_UNSAFE * 2
        client.send(OutgoingRequest("POST", server.origin, body=b""))
        assert server.connections == 2
        client.close()


def test_a_connection_closed_while_idle_is_replaced_even_for_a_post() -> None:
    def answer(talk: Talk) -> None:
        talk.answer(b"gold")
        talk.hang_up()

    with serving(answer) as server:
        client = guarded(server)
        for _ in range(2):
            assert client.send(OutgoingRequest("POST", server.origin, body=b"x")).body == b"gold"
            for thread in server.threads[1:]:
                thread.join(5)
        assert server.connections == 2


def test_threads_get_their_own_answers() -> None:
    with serving(lambda talk: talk.answer(talk.path.encode())) as server:
        client = guarded(server)
        wrong: list[str] = []

        def run(thread: int) -> None:
            for number in range(25):
                path = f"/{thread}/{number}"
                if client.send(OutgoingRequest("GET", server.origin + path)).body != path.encode():
                    wrong.append(path)

        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert server.connections <= 8
        client.close()


def test_after_a_fork_the_child_opens_connections_of_its_own() -> None:
    with serving(lambda talk: talk.answer()) as server:
        client = guarded(server)
        client.send(OutgoingRequest("GET", server.origin))
        client._connections._process = os.getpid() - 1  # what a forked child finds
        client.send(OutgoingRequest("GET", server.origin))
        assert server.connections == 2


def test_a_closed_port_never_had_the_request() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(OutgoingError) as caught:
        Guarded(frozenset({("127.0.0.1", port)})).send(OutgoingRequest("POST", f"http://127.0.0.1:{port}/"))
    assert (caught.value.kind, caught.value.retryable, caught.value.may_have_arrived) == ("connect", True, False)


def test_a_dead_address_does_not_hide_the_living_one() -> None:
    with serving(lambda talk: talk.answer(b"gold")) as server:
        client = Guarded(frozenset({("crm.example.com", server.port)}), fixed("127.0.0.2", "127.0.0.1"))
        assert client.send(OutgoingRequest("GET", f"http://crm.example.com:{server.port}/")).body == b"gold"
        assert server.talks[0].headers["host"] == f"crm.example.com:{server.port}"
        client.close()


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(lambda talk: talk.answer(b"gold")) as server:
        assert guarded(server).send(OutgoingRequest("GET", server.origin)).body == b"gold"


def test_a_name_that_takes_too_long_ends_with_the_deadline() -> None:
    stopping = threading.Event()

    def slow(_host: str, _port: int) -> list[str]:
        stopping.wait(5)
        return ["127.0.0.1"]

    client = Guarded(resolver=slow)
    with pytest.raises(OutgoingError) as caught:
        client.send(OutgoingRequest("POST", "http://slow.example.com/", timeout_seconds=0.2))
    stopping.set()
    assert (caught.value.kind, caught.value.may_have_arrived) == ("timeout", False)


def test_a_name_without_address_is_said_so() -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    empty: Resolver = lambda _host, _port: []  # noqa: E731  # shorter than a second function
    for resolver in (nowhere, empty):
        with pytest.raises(OutgoingError, match=r"crm\.example\.com has no address") as caught:
            Guarded(resolver=resolver).send(OutgoingRequest("POST", "https://crm.example.com/"))
        assert (caught.value.kind, caught.value.retryable, caught.value.may_have_arrived) == ("dns", True, False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key, self-signed for right.example.com."""
    return self_signed(tmp_path_factory.mktemp("tls"), "right.example.com")


def test_tls_is_checked_against_the_name_and_not_the_pinned_address(certificate: tuple[Path, Path]) -> None:
    names: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with serving(lambda talk: talk.answer(b"gold"), tls) as server:
        hosts = frozenset((host, server.port) for host in ("right.example.com", "wrong.example.com"))
        client = Guarded(hosts, fixed("127.0.0.1"), trusting)
        for _ in range(2):
            assert client.send(OutgoingRequest("GET", f"https://right.example.com:{server.port}/")).body == b"gold"
        assert (server.connections, names) == (1, ["right.example.com"])
        with pytest.raises(OutgoingError, match="could not prove who it is") as caught:
            client.send(OutgoingRequest("POST", f"https://wrong.example.com:{server.port}/", body=b"x"))
        assert (caught.value.kind, caught.value.retryable, caught.value.may_have_arrived) == ("tls", False, False)
        with pytest.raises(OutgoingError, match="self-signed certificate") as caught:
            Guarded(hosts, fixed("127.0.0.1")).send(OutgoingRequest("GET", f"https://right.example.com:{server.port}/"))
        assert len(server.talks) == 2
        client.close()


def test_a_handshake_that_never_ends_ends_with_the_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with listener, pytest.raises(OutgoingError) as caught:
        Guarded(frozenset({("127.0.0.1", port)})).send(
            OutgoingRequest("GET", f"https://127.0.0.1:{port}/", timeout_seconds=0.3)
        )
    assert (caught.value.kind, caught.value.may_have_arrived) == ("timeout", False)


def test_a_port_without_tls_is_named_as_such() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def answer_in_plain_http() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(1_000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer_in_plain_http)
    thread.start()
    with pytest.raises(OutgoingError, match="refused a secure connection") as caught:
        Guarded(frozenset({("127.0.0.1", port)})).send(OutgoingRequest("POST", f"https://127.0.0.1:{port}/", body=b""))
    thread.join()
    assert (caught.value.kind, caught.value.may_have_arrived) == ("tls", False)


GEVENT_RUN = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, sys, time
from app.outgoing import Guarded, OutgoingError, OutgoingRequest
from tests.app.raw_server import serving

def answer(talk):
    if talk.path == "/drip":
        talk.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 9999\\r\\n\\r\\n")
        while not talk.stopping.is_set():
            talk.send(b"x")
            talk.pause(0.02)
    talk.pause(0.2)
    talk.answer(b"gold")

with serving(answer) as server:
    client = Guarded(frozenset({("localhost", server.port)}), lambda host, port: ["127.0.0.1"])
    url = f"http://localhost:{server.port}"
    get = lambda path, seconds=5.0: client.send(OutgoingRequest("GET", url + path, timeout_seconds=seconds))
    started = time.monotonic()
    jobs = [gevent.spawn(get, f"/{number}") for number in range(20)]
    gevent.joinall(jobs, raise_error=True)
    assert all(job.value.body == b"gold" for job in jobs)
    assert time.monotonic() - started < 4, "requests waited for each other"
    try:
        get("/drip", 0.3)
    except OutgoingError as error:
        assert error.kind == "timeout" and time.monotonic() - started < 10
    else:
        raise AssertionError("no time limit")
    client.close()
print("fine")
"""


def test_it_works_in_a_web_process_patched_by_gevent() -> None:
    ran = subprocess.run([sys.executable, "-c", GEVENT_RUN], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.strip(), ran.returncode) == ("fine", 0), ran.stderr
