"""What a flow asks of other systems: repeated within its time, remembered, spared, and its secrets never told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.credentials import Credential, seal_credential
from app.directory import Directory
from app.outgoing import Guarded
from app.perform import Performer
from flows.ask import HttpAnswer, HttpRequest, PhonesOfContacts, PhonesOfContactsAnswer, Retries
from flows.values import canonical_json
from tests.app.house import ANNA, Runtime
from tests.app.raw_server import RawServer, Talk, serving

TOKEN = "sEcReT-t0ken"
QUICK = Retries(count=3, back_off_seconds=0.01)


def statuses(*lines: str) -> Callable[[Talk], None]:
    """Answers these statuses in order, then 200."""
    left = list(lines)

    def answer(talk: Talk) -> None:
        if left and left[0] == "lost":
            left.pop(0)
            talk.hang_up()
            return
        talk.answer(b"{}", left.pop(0) if left else "200 OK")

    return answer


@contextmanager
def asking(room: Runtime, answer: Callable[[Talk], None]) -> Iterator[tuple[RawServer, Callable[..., HttpAnswer]]]:
    """A server that answers so, and the way to ask it for a path."""
    with serving(answer) as server:
        http = Guarded(frozenset({("127.0.0.1", server.port)}))
        performer = Performer(room.house.database, Directory(room.house.key, ""), http)

        def ask(path: str = "/", method: str = "GET", **more: Any) -> HttpAnswer:
            url = path if "://" in path else server.origin + path
            answered = performer.perform(HttpRequest(method, url, **more), "1-0-0")
            assert isinstance(answered, HttpAnswer)
            return answered

        yield server, ask
        http.close()


def bind(room: Runtime, origin: str, name: str = "crm", token: str = TOKEN) -> None:
    """A credential for one origin."""
    credential = Credential(name, "bearer", (origin,), {"token": token})
    room.execute(
        "INSERT INTO credentials (name, kind, origins, sealed, created_at, changed_at)"
        " VALUES (:name, 'bearer', :origins, :sealed, 0, 0)",
        name=name,
        origins=canonical_json([origin]),
        sealed=seal_credential(room.house.key, credential),
    )


REPEATED: list[tuple[str, dict[str, Any], list[str], int, int, str]] = [
    # method, request, what comes, status and attempts in the end, error
    ("GET", {}, ["503 No", "429 No"], 200, 3, ""),
    ("GET", {}, ["500 No"], 500, 1, ""),  # not among the statuses to repeat on
    ("GET", {"retries": Retries(1, 0.01)}, ["503 No", "503 No"], 503, 2, ""),
    ("GET", {"retries": Retries(0)}, ["503 No"], 503, 1, ""),
    ("GET", {"retries": Retries(2, 0.01, (500,))}, ["500 No", "503 No"], 503, 2, ""),
    ("GET", {}, ["lost", "lost"], 200, 3, ""),
    ("PUT", {"body": "x"}, ["lost", "503 No"], 200, 3, ""),
    ("POST", {"body": "x"}, ["503 No"], 503, 1, ""),
    ("POST", {"body": "x"}, ["lost"], 0, 1, "outcome_unknown"),
    ("POST", {"body": "x", "may_be_repeated": True}, ["503 No", "lost"], 200, 3, ""),
    ("PATCH", {"body": "x", "may_be_repeated": True}, ["503 No"], 200, 2, ""),
]


@pytest.mark.parametrize(("method", "more", "comes", "status", "attempts", "error"), REPEATED)
def test_a_request_is_repeated_as_often_and_on_what_its_author_says(
    room: Runtime, method: str, more: dict[str, Any], comes: list[str], status: int, attempts: int, error: str
) -> None:
    with asking(room, statuses(*comes)) as (server, ask):
        answered = ask(method=method, **{"retries": QUICK, **more})
        assert (answered.status, answered.attempts, answered.error) == (status, attempts, error)
        sent = [talk.headers.get("idempotency-key") for talk in server.talks]
        assert set(sent) == ({"1-0-0"} if method in {"POST", "PATCH"} else {None})


def test_repeats_stay_inside_the_one_time_limit(room: Runtime) -> None:
    with asking(room, statuses(*["503 No"] * 9)) as (_, ask):
        answered = ask(timeout_seconds=0.5, retries=Retries(5, 0.2))
        assert (answered.status, answered.attempts) == (503, 2)


def test_an_answer_is_used_again_for_as_long_as_its_author_says_and_only_by_its_equals(room: Runtime) -> None:
    with asking(room, lambda talk: talk.answer(b'{"n": 1}')) as (server, ask):
        bind(room, server.origin)
        for more in ({}, {}, {"credential": "crm"}, {"headers": {"X-A": "1"}}):
            ask("/same", cache_seconds=60, **more)
        assert len(server.talks) == 3
        again = ask("/same", cache_seconds=60)
        assert (again.from_cache, again.attempts, again.body) == (True, 0, '{"n": 1}')
        for _ in range(2):
            ask("/post", "POST", cache_seconds=60)
            ask("/asked-each-time")
        assert len(server.talks) == 7


def test_what_failed_is_asked_again_at_once(room: Runtime) -> None:
    with asking(room, statuses("404 Not Found")) as (_, ask):
        once = {"cache_seconds": 60, "retries": Retries(0)}
        assert [ask(**once).status for _ in range(2)] == [404, 200]


def test_a_host_that_fails_again_and_again_is_spared(room: Runtime) -> None:
    with asking(room, statuses(*["503 No"] * 99)) as (server, ask):
        kinds = [ask(retries=Retries(0)).error for _ in range(7)]
        assert kinds == [""] * 5 + ["circuit_open"] * 2
        assert len(server.talks) == 5
        spared = ask()
        assert (spared.retryable, spared.attempts) == (True, 0)
        assert server.origin in spared.message


def test_what_the_author_did_wrong_spares_nobody(room: Runtime) -> None:
    with asking(room, statuses(*["404 Not Found"] * 9)) as (server, ask):
        assert {ask().error for _ in range(9)} == {""}
        assert len(server.talks) == 9


def test_a_secret_goes_to_its_own_origin_and_comes_back_from_nowhere(room: Runtime) -> None:
    def echo(talk: Talk) -> None:
        talk.answer(talk.headers.get("authorization", "none").encode(), x_echo=talk.headers.get("authorization", ""))

    with asking(room, echo) as (server, ask):
        bind(room, server.origin)
        bind(room, "https://crm.example.com", "other")
        assert ask().body == "none"
        answered = ask(credential="crm")
        assert server.talks[-1].headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in str(answered)
        assert len(server.talks) == 2
        for name in ("other", "nobody"):
            refused = ask(credential=name)
            assert refused.error == "secret_missing"
            assert refused.message.endswith(".")
        room.execute("UPDATE credentials SET sealed = :junk WHERE name = 'crm'", junk=b"junk")
        assert len(server.talks) == 2


def test_a_credential_that_cannot_be_opened_is_a_missing_secret(room: Runtime) -> None:
    with asking(room, lambda talk: talk.answer()) as (server, ask):
        bind(room, server.origin)
        room.execute("UPDATE credentials SET origins = :other", other='["https://evil.example"]')
        refused = ask(credential="crm")
        assert refused.error == "secret_missing"
        assert "enter its secret again" in refused.message
        assert server.talks == []


def test_a_contact_is_found_by_any_address_for_its_latest_number(room: Runtime) -> None:
    room.write("hello", contact="+48600100300")
    room.write("hello")
    for value in ("anna@example.com", "user-7"):
        room.execute(
            "INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)"
            " SELECT contact_id, :kind, :value, last_seen_at, created_at FROM addresses WHERE value = :phone",
            kind="email" if "@" in value else "user",
            value=value,
            phone=ANNA,
        )
    performer = Performer(room.house.database, Directory(room.house.key, ""), room.house.http)
    asked = ("Anna@example.com", "user-7", ANNA, "nobody@example.com", "")
    answer = performer.perform(PhonesOfContacts(asked), "1-0-0")
    assert answer == PhonesOfContactsAnswer((ANNA, ANNA, ANNA, "", ""))
