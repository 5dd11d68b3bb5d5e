"""Redirects: every hop checked, secrets left behind, five at most."""

from collections.abc import Callable

import pytest

from app.outgoing import Guarded, OutgoingError, OutgoingRequest
from app.outgoing.errors import RedirectRefused
from app.outgoing.redirects import Leg, next_leg
from app.web_address import read_web_address
from tests.app.raw_server import RawServer, Talk, serving

CANARY = "canary-7f3a9c"
SECRETS = {"X-Api-Key": CANARY}
PLAIN = {"Content-Type": "text/plain", "X-Flow": "vip", "Authorization": CANARY, "Cookie": CANARY}


def to(location: str, status: int = 302) -> Callable[[Talk], None]:
    """Redirects every path but /end."""

    def answer(talk: Talk) -> None:
        if talk.path == "/end":
            talk.answer(b"gold")
        else:
            talk.answer(b"moved", f"{status} Moved", location=location)

    return answer


def client(*servers: RawServer) -> Guarded:
    return Guarded(frozenset(("127.0.0.1", server.port) for server in servers))


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "GET", "GET"), (302, "GET", "GET"), (303, "GET", "GET"), (307, "GET", "GET"), (308, "GET", "GET"),
        (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "POST", "POST"),
        (303, "PUT", "GET"), (302, "PUT", "PUT"), (302, "DELETE", "DELETE"),
    ],
)  # fmt: skip
def test_the_method_changes_as_the_status_says(status: int, method: str, then: str) -> None:
    body = None if method == "GET" else b"x"
    with serving(to("/end", status)) as server:
        request = OutgoingRequest(method, server.origin + "/begin", PLAIN, body, secret_headers=SECRETS)
        answer = client(server).send(request)
        first, second = server.talks
    assert (answer.body, answer.final_url) == (b"gold", server.origin + "/end")
    assert [(hop.url, hop.status) for hop in answer.hops] == [(server.origin + "/begin", status)]
    assert (second.head.split()[0], second.body) == (then, b"x" if then == method and body else b"")
    assert ("content-type" in second.headers) == (then == method)
    assert first.headers["x-api-key"] == second.headers["x-api-key"] == CANARY  # the same origin keeps it


def test_secrets_stay_behind_on_another_origin_and_do_not_come_back() -> None:
    with (
        serving(lambda talk: talk.answer(b"gold")) as third,
        serving(to(f"{third.origin}/end", 307)) as second,
        serving(to(f"{second.origin}/next", 307)) as first,
    ):
        request = OutgoingRequest("POST", first.origin + "/begin", PLAIN, b"x", secret_headers=SECRETS)
        answer = client(first, second, third).send(request)
        assert [CANARY in server.talks[0].head for server in (first, second, third)] == [True, False, False]
        assert (second.talks[0].headers["x-flow"], second.talks[0].body) == ("vip", b"x")
        assert [hop.status for hop in answer.hops] == [307, 307]


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("/begin", "redirects to itself"),
        ("file:///etc/passwd", "must begin with http"),
        ("gopher://127.0.0.1/", "must begin with http"),
        (f"https://user:{CANARY}@example.com/", "user name or password"),
        ("http://[::1", "cannot be read"),
    ],
)
def test_a_redirect_to_nowhere_good_is_refused(location: str, sentence: str) -> None:
    with serving(to(location)) as server, pytest.raises(OutgoingError, match=sentence) as caught:
        client(server).send(OutgoingRequest("GET", server.origin + "/begin"))
    assert (caught.value.kind, caught.value.retryable) == ("redirect_refused", False)
    assert caught.value.may_have_arrived
    assert CANARY not in str(caught.value)


def test_a_loop_of_redirects_ends_after_five() -> None:
    def answer(talk: Talk) -> None:
        talk.answer(b"", "302 Found", location="/b" if talk.path == "/a" else "/a")

    with serving(answer) as server, pytest.raises(OutgoingError, match="after 5 redirects") as caught:
        client(server).send(OutgoingRequest("GET", server.origin + "/a"))
    assert (caught.value.kind, len(server.talks)) == ("redirect_refused", 6)


def test_a_redirect_to_a_private_address_is_blocked_and_the_first_host_had_the_request() -> None:
    with serving(lambda talk: talk.answer(b"secret of the house")) as inside:
        with serving(to(f"{inside.origin}/end")) as outside, pytest.raises(OutgoingError) as caught:
            client(outside).send(OutgoingRequest("POST", outside.origin + "/begin", body=b"x"))
        assert (caught.value.kind, caught.value.may_have_arrived) == ("blocked_address", True)
        assert not inside.talks


def test_a_redirect_is_the_answer_where_none_are_followed() -> None:
    with serving(to("http://10.0.0.1/")) as server:
        answer = client(server).send(OutgoingRequest("GET", server.origin + "/begin", follow_redirects=False))
    assert (answer.status, answer.headers["location"], answer.body) == (302, "http://10.0.0.1/", b"moved")


def test_the_deadline_covers_all_hops() -> None:
    def answer(talk: Talk) -> None:
        talk.pause(0.15)
        talk.answer(b"", "302 Found", location=talk.path + "x")

    with serving(answer) as server, pytest.raises(OutgoingError) as caught:
        client(server).send(OutgoingRequest("GET", server.origin + "/a", timeout_seconds=0.4))
    assert caught.value.kind == "timeout"
    assert len(server.talks) <= 3


def test_a_redirect_from_https_to_http_is_refused() -> None:
    leg = Leg("GET", read_web_address("https://crm.example.com/a"), {}, SECRETS, None)
    with pytest.raises(RedirectRefused, match="from https to http"):
        next_leg(leg, 302, "http://crm.example.com/a", 0)
    better = next_leg(
        Leg("GET", read_web_address("http://crm.example.com/a"), {}, SECRETS, None), 302, "https://crm.example.com/a", 0
    )
    assert (str(better.address), better.secret_headers) == ("https://crm.example.com/a", {})  # another origin
