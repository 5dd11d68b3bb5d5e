"""Runs that wait for another system's webhook: each comes to one wait, whichever was first and whoever dies."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.db import now
from app.directory import seal_secrets
from app.models import Connection
from app.store import webhooks
from app.sweeper import Sweeper
from app.web import create_app
from tests.app.drawn import Document, drawn, placed, sends, starts_with
from tests.app.house import Runtime
from tests.app.processes import die_at

SECRET = "whsec"
_PLACES = ["commit:fenced", "commit:after"]


def payments(room: Runtime, name: str = "payments", **settings: Any) -> None:
    """A payment service is connected."""
    with room.house.database.transaction() as session:
        row = Connection(name=name, kind="webhook", created_at=now(session))
        row.settings = json.dumps({"key": "data.payment", "id": "id", **settings})
        row.sealed = seal_secrets(name, {"secret": SECRET}, room.house.key)
        session.add(row)


def paying(**config: Any) -> Document:
    """Waits for the payment that the contact names."""
    full = {"connection": "payments", "key": "{{ message.text }}", "variable": "payment", **config}
    exits = {"message": "wrote"} if config.get("leaves_by_message") else {}
    wait = placed("wait_for_webhook", full, received="thanks", timed_out="late", failure="failed", **exits)
    steps = {
        "in": starts_with("keys", "wait"),
        "wait": wait,
        "thanks": sends("Thank you for {{ payment.data.amount }}"),
        "late": sends("No payment came"),
        "failed": sends("Failed: {{ error.kind }}"),
    }
    return drawn("Paying", {**steps, "wrote": sends("You wrote")} if exits else steps)


@pytest.fixture
def client(room: Runtime) -> FlaskClient:
    return create_app(room.house).test_client(use_cookies=False)


def tells(
    client: FlaskClient,
    payment: str,
    id_: str = "evt_1",
    secret: str = SECRET,
    amount: Any = 12,
    connection: str = "payments",
) -> TestResponse:
    """The payment service tells of a payment."""
    body = json.dumps({"id": id_, "data": {"payment": payment, "amount": amount}}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Signature": f"sha256={signature}", "Content-Type": "application/json"}
    return client.post(f"/hooks/{connection}/events", data=body, headers=headers)


def test_a_conversation_waits_for_a_payments_webhook(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying())
    room.write("pay-1")
    room.drive()
    assert tells(client, "pay-1").status_code == 200
    room.drive()
    assert room.provider.texts == ["Thank you for 12"]
    assert room.outcomes() == ["completed"]


@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize("first", ["wait", "webhook"])
def test_a_process_killed_between_loses_and_repeats_nothing(
    room: Runtime, client: FlaskClient, place: str, first: str
) -> None:
    payments(room)
    room.publish(paying())
    process = room.start()
    if first == "webhook":
        tells(client, "pay-1")
    else:
        room.write("pay-1")
        room.drive()
    die_at(place)
    if first == "webhook":
        room.write("pay-1")
    else:
        tells(client, "pay-1")
    process.runner.wake()
    process.wait_until_dead()
    tells(client, "pay-1")
    room.drive()
    room.move_clock(60)  # a message that was on its way when its process died is looked at again
    room.drive()
    assert room.provider.texts == ["Thank you for 12"]
    assert room.outcomes() == ["completed"]


def test_a_webhook_that_comes_first_is_kept_for_a_day(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying(time_limit_seconds=60))
    tells(client, "pay-1", "evt_1")
    tells(client, "pay-2", "evt_2")
    room.move_clock(23 * 3_600)
    room.write("pay-1")
    room.drive()
    assert room.provider.texts == ["Thank you for 12"]
    room.move_clock(2 * 3_600)
    room.write("pay-2")
    room.drive()
    room.move_clock(61)
    room.drive()
    assert room.provider.texts == ["Thank you for 12", "No payment came"]


def test_a_repeated_webhook_is_ignored(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying())
    for _ in range(3):
        tells(client, "pay-1")
    room.write("pay-1")
    room.drive()
    for _ in range(3):
        assert tells(client, "pay-1").status_code == 200
    room.write("pay-1")
    room.drive()
    assert room.provider.texts == ["Thank you for 12"]  # the second run waits for another one
    room.move_clock(86_401)
    room.drive()
    assert room.provider.texts == ["Thank you for 12", "No payment came"]


def test_two_webhooks_of_one_key_go_to_two_waits(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying())
    room.write("pay-1")
    room.write("pay-1", contact="+48600300400")
    room.drive()
    tells(client, "pay-1", "evt_1", amount=1)
    tells(client, "pay-1", "evt_2", amount=2)
    room.drive()
    assert sorted(room.provider.texts) == ["Thank you for 1", "Thank you for 2"]


def test_a_webhook_that_a_run_has_left_is_kept_for_the_next_wait(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying(leaves_by_message=True))
    put = room.write("pay-1")
    room.drive()
    room.write("never mind")
    tells(client, "pay-1")  # the message came first, but nobody has handled it yet
    room.drive()
    assert room.said(put.conversation_id) == ["pay-1", "never mind", "> You wrote"]
    room.write("pay-1")
    room.drive()
    assert room.provider.texts == ["You wrote", "Thank you for 12"]


def test_a_webhook_that_a_run_has_left_ends_no_wait_for_the_same_key_of_another_connection(
    room: Runtime, client: FlaskClient
) -> None:
    payments(room)
    payments(room, "refunds")
    first = {"connection": "payments", "key": "pay-1", "leaves_by_message": True}
    second = {"connection": "refunds", "key": "pay-1", "variable": "refund"}
    steps = {
        "in": starts_with("keys", "first"),
        "first": placed(
            "wait_for_webhook", first, received="failed", timed_out="failed", failure="failed", message="it"
        ),
        "it": placed("wait_for_webhook", second, received="thanks", timed_out="failed", failure="failed"),
        "thanks": sends("Refunded {{ refund.data.amount }}"),
        "failed": sends("Failed"),
    }
    room.publish(drawn("Refunding", steps))
    room.write("hello")
    room.drive()
    room.write("never mind")
    tells(client, "pay-1")
    room.drive()
    assert room.provider.texts == []
    tells(client, "pay-1", amount=7, connection="refunds")
    room.drive()
    assert room.provider.texts == ["Refunded 7"]


def test_a_webhook_that_a_run_has_left_goes_to_who_waits_for_it_already(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying(leaves_by_message=True))
    room.write("pay-1")
    room.drive()
    other = room.write("pay-1", contact="+48600300400")
    room.drive()
    room.write("never mind")
    tells(client, "pay-1")
    room.drive()
    assert room.said(other.conversation_id) == ["pay-1", "> Thank you for 12"]
    assert sorted(room.provider.texts) == ["Thank you for 12", "You wrote"]


def test_a_webhook_that_comes_while_people_have_a_paused_run_is_kept(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying())
    put = room.write("pay-1")
    room.drive()
    for _ in range(21):
        room.write("hello?")
    room.drive()
    assert room.conversation(put.conversation_id)["owner"] == "people"
    tells(client, "pay-1")
    room.drive()
    assert room.provider.texts == []
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    assert room.provider.texts == ["Thank you for 12"]


REFUSED: list[tuple[Callable[[FlaskClient], TestResponse], int, str]] = [
    (lambda client: tells(client, "pay-1", secret="other"), 403, "unsigned"),
    (lambda client: client.post("/hooks/payments/x", data=b"{}", content_type="application/json"), 403, "unsigned"),
    (lambda client: tells(client, ""), 400, "unreadable"),
    (lambda client: tells(client, "x" * 501), 400, "unreadable"),
    (lambda client: client.post("/hooks/payments/x", data={"a": "b"}), 415, "not_a_form"),
    (lambda client: client.get("/hooks/payments/x"), 403, "unsigned"),
]


@pytest.mark.parametrize(("send", "status", "code"), REFUSED)
def test_what_is_unsigned_or_unreadable_is_refused_and_ends_no_wait(
    room: Runtime, client: FlaskClient, send: Callable[[FlaskClient], TestResponse], status: int, code: str
) -> None:
    payments(room)
    room.publish(paying())
    room.write("pay-1")
    room.drive()
    answer = send(client)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    room.drive()
    assert room.provider.texts == []
    assert room.rows("SELECT * FROM webhooks") == []
    assert room.problems() == (["signature_invalid"] if status == 403 else [])


def test_a_stranger_who_tries_often_does_not_fill_the_errors_page(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    for _ in range(5):
        tells(client, "pay-1", secret="other")
    assert room.problems() == ["signature_invalid"]


def test_old_webhooks_and_waits_are_forgotten(room: Runtime, client: FlaskClient) -> None:
    payments(room)
    room.publish(paying(time_limit_seconds=60))
    room.write("pay-1")
    room.drive()
    tells(client, "pay-2")
    room.move_clock(31 * 86_400)
    sweeper = Sweeper(room.house)
    sweeper.sweep()
    assert room.rows("SELECT * FROM webhooks") == []
    room.move_clock(61 * 86_400)
    sweeper.sweep()
    assert room.rows("SELECT * FROM webhook_waits") == []
    room.drive()


def test_however_many_have_become_old_all_are_forgotten(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    payments(room)
    monkeypatch.setattr(webhooks, "_FORGETS_AT_ONCE", 2)
    for n in range(7):
        room.execute(
            "INSERT INTO webhooks (connection_id, provider_id, key, happened, created_at)"
            " SELECT id, :name, 'k', '{}', :n FROM connections WHERE name = 'payments'",
            name=f"old-{n}",
            n=n,
        )
    sweeper = Sweeper(room.house)
    for _ in range(4):
        sweeper.sweep()
    assert room.rows("SELECT * FROM webhooks") == []


UNBELIEVABLE = [
    "DELETE FROM connections WHERE name = 'payments'",
    "UPDATE connections SET enabled = 1 = 0 WHERE name = 'payments'",
    "UPDATE connections SET sealed = NULL WHERE name = 'payments'",
    "UPDATE connections SET kind = 'simulated' WHERE name = 'payments'",
]


@pytest.mark.parametrize("change", UNBELIEVABLE)
def test_a_connection_whose_webhooks_nobody_could_believe_fails_by_name(room: Runtime, change: str) -> None:
    payments(room)
    room.publish(paying())
    room.execute(change)
    room.write("pay-1")
    room.drive()
    assert room.provider.texts == ["Failed: signature_invalid"]
    assert room.problems() == ["signature_invalid"]


def test_webhooks_and_waits_that_meet_at_once_never_miss_each_other(postgresql_room: Runtime) -> None:
    room = postgresql_room
    payments(room)
    room.publish(paying())
    client = create_app(room.house)
    for _ in range(2):
        room.start()

    def tell() -> None:
        mine = client.test_client(use_cookies=False)
        for n in range(30):
            assert tells(mine, f"pay-{n}", f"evt_{n}").status_code == 200

    teller = threading.Thread(target=tell)
    teller.start()
    for n in range(30):
        room.write(f"pay-{n}", contact=f"+4860030{n:04}")
    teller.join(30)
    room.drive()
    assert room.provider.texts == ["Thank you for 12"] * 30
    assert room.outcomes() == ["completed"] * 30
