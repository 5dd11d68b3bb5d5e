"""What hosts may answer, good and bad, and what the guarded client makes of it."""

import gzip
import time
import traceback
import zlib
from collections.abc import Callable

import pytest

from app.outgoing import Guarded, OutgoingAnswer, OutgoingError, OutgoingRequest
from app.outgoing.errors import Kind
from tests.app.bad_answers import (
    announce_a_gigabyte,
    close_at_once,
    close_in_mid_body,
    close_in_mid_chunk,
    drip,
    drip_the_headers,
    pretend_to_be_gzip,
    say_nothing,
    send_a_bomb,
    send_a_bomb_in_a_bomb,
    send_a_deflated_bomb,
    send_early_hints,
    send_empty_blocks_without_end,
    send_headers_without_end,
    speak_another_protocol,
    stream_a_gigabyte,
    stream_a_gigabyte_in_chunks,
)
from tests.app.raw_server import RawServer, Talk, serving

CANARY = "canary-7f3a9c"


def client(*servers: RawServer) -> Guarded:
    return Guarded(frozenset(("127.0.0.1", server.port) for server in servers))


def ask(server: RawServer, guarded: Guarded | None = None, method: str = "GET", seconds: float = 5.0) -> OutgoingAnswer:
    request = OutgoingRequest(
        method,
        f"{server.origin}/customers/48600?key={CANARY}",
        headers={"X-Flow": CANARY},
        body=CANARY.encode() if method == "POST" else None,
        timeout_seconds=seconds,
        secret_headers={"Authorization": f"Bearer {CANARY}"},
    )
    return (guarded or client(server)).send(request)


Row = tuple[Callable[[Talk], None], Kind, bool]
BAD_ANSWERS: list[Row] = [
    (drip, "timeout", True),
    (drip_the_headers, "timeout", True),
    (say_nothing, "timeout", True),
    (stream_a_gigabyte, "too_large", False),
    (announce_a_gigabyte, "too_large", False),
    (send_a_bomb, "too_large", False),
    (stream_a_gigabyte_in_chunks, "too_large", False),
    (send_a_deflated_bomb, "too_large", False),
    (send_a_bomb_in_a_bomb, "too_large", False),
    (send_empty_blocks_without_end, "too_large", False),
    (send_headers_without_end, "too_large", False),
    (close_in_mid_body, "connection_lost", True),
    (close_in_mid_chunk, "connection_lost", True),
    (close_at_once, "connection_lost", True),
    (speak_another_protocol, "connection_lost", True),
    (send_early_hints, "connection_lost", True),
    (pretend_to_be_gzip, "connection_lost", True),
]


@pytest.mark.parametrize(("answer", "kind", "retryable"), BAD_ANSWERS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_answer_is_one_named_error_in_time(
    answer: Callable[[Talk], None], kind: Kind, retryable: bool, method: str
) -> None:
    seconds = 0.4 if kind == "timeout" else 10.0
    with serving(answer) as server:
        started_at = time.monotonic()
        with pytest.raises(OutgoingError) as caught:
            ask(server, method=method, seconds=seconds)
        assert time.monotonic() - started_at < seconds + 8
        assert (caught.value.kind, caught.value.retryable, caught.value.may_have_arrived) == (kind, retryable, True)
        assert sum(talk.sent_bytes for talk in server.talks) < 24_000_000
        assert str(caught.value).startswith(f"127.0.0.1:{server.port} ")
        assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


GOOD_ANSWERS: list[tuple[str, Callable[[Talk], None], int, bytes]] = [
    ("plain", lambda talk: talk.answer(b'{"status":"gold"}'), 200, b'{"status":"gold"}'),
    ("gzip", lambda talk: talk.answer(gzip.compress(b"gold"), content_encoding="gzip"), 200, b"gold"),
    ("deflate", lambda talk: talk.answer(zlib.compress(b"gold"), content_encoding="deflate"), 200, b"gold"),
    ("HTML instead of JSON", lambda talk: talk.answer(b"<html>", content_type="text/html"), 200, b"<html>"),
    ("nothing", lambda talk: talk.answer(), 200, b""),
    ("no content", lambda talk: talk.send(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b""),
    ("not found", lambda talk: talk.answer(b"gone", "404 Not Found"), 404, b"gone"),
    ("server's fault", lambda talk: talk.answer(b"", "500 Internal Server Error"), 500, b""),
    (
        "continue first",
        lambda talk: talk.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngold"),
        200,
        b"gold",
    ),
    ("redirect to nowhere", lambda talk: talk.answer(b"", "302 Found"), 302, b""),
    ("exactly the bound", lambda talk: talk.answer(b"x" * 262_144), 200, b"x" * 262_144),
    (
        "chunks of one byte",
        lambda talk: talk.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 9 + b"0\r\n\r\n"
        ),
        200,
        b"x" * 9,
    ),
]


@pytest.mark.parametrize(
    ("answer", "status", "body"), [row[1:] for row in GOOD_ANSWERS], ids=[row[0] for row in GOOD_ANSWERS]
)
def test_an_answer_in_http_comes_back_whatever_it_says(
    answer: Callable[[Talk], None], status: int, body: bytes
) -> None:
    with serving(answer) as server:
        came = ask(server)
        assert (came.status, came.body, came.hops) == (status, body, ())
        assert 0 < came.seconds < 5


def test_a_request_arrives_as_it_was_asked_for() -> None:
    with serving(lambda talk: talk.answer(b"", set_cookie="a=1")) as server:
        request = OutgoingRequest(
            "POST",
            f"{server.origin}/a b/ż?q=ć&list[]=1",
            headers={"content-type": "application/json", "SOAPAction": "Łukasz", "x-key": "the author's"},
            body=b'{"a":1}',
            secret_headers={"X-Key": CANARY},
        )
        answer = client(server).send(request)
        talk = server.talks[0]
    assert talk.head.startswith("POST /a%20b/%C5%BC?q=%C4%87&list[]=1 HTTP/1.1\r\n")
    assert talk.body == b'{"a":1}'
    sent = talk.headers
    assert sent["soapaction"].encode("latin-1").decode() == "Łukasz"
    assert "\r\nSOAPAction: " in talk.head
    assert talk.head.lower().count("\r\nx-key: ") == 1
    assert (sent["x-key"], sent["content-length"], sent["user-agent"]) == (CANARY, "7", "Patchbay")
    assert (sent["host"], sent["accept-encoding"]) == (f"127.0.0.1:{server.port}", "gzip, deflate")
    assert answer.headers["set-cookie"] == "a=1"
    assert CANARY not in repr(request) + repr(answer)


def test_a_server_that_answers_before_it_read_everything_is_heard() -> None:
    def answer(talk: Talk) -> None:
        talk.answer(b"too much", "413 Content Too Large", connection="close")

    with serving(answer) as server:
        request = OutgoingRequest("POST", server.origin, headers={"X-Long": "x"}, body=b"x" * 2_000)
        assert client(server).send(request).status == 413


UNSENDABLE: list[tuple[str, dict[str, str], Kind]] = [
    ("get", {}, "bad_request"),
    ("CONNECT", {}, "bad_request"),
    ("TRACE", {}, "bad_request"),
    ("GET\r\nX: 1", {}, "bad_request"),
    ("GET", {"X-Name": f"a\r\nX-Other: {CANARY}"}, "bad_request"),
    ("GET", {"X-Name": f"a\0{CANARY}"}, "bad_request"),
    ("GET", {f"X Name {CANARY}": "a"}, "bad_request"),
    ("GET", {"Host": "intern.example.com"}, "bad_request"),
    ("GET", {"Content-Length": "5"}, "bad_request"),
    ("GET", {"Transfer-Encoding": "chunked"}, "bad_request"),
    ("GET", {"Proxy-Authorization": CANARY}, "bad_request"),
]


@pytest.mark.parametrize(("method", "headers", "kind"), UNSENDABLE)
def test_a_request_that_could_smuggle_another_never_leaves(method: str, headers: dict[str, str], kind: Kind) -> None:
    with serving(lambda talk: talk.answer()) as server:
        for place in ("headers", "secret_headers"):
            with pytest.raises(OutgoingError) as caught:
                client(server).send(OutgoingRequest(method, server.origin, **{place: headers}))  # type: ignore[arg-type]  # either field takes them
            assert (caught.value.kind, caught.value.may_have_arrived) == (kind, False)
            assert CANARY not in str(caught.value)
        assert not server.talks
