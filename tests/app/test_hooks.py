"""The webhooks' door: each webhook exactly once, strangers kept out, every refusal a sentence."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app import inbox
from app.channels.twilio_signature import sign
from app.config import Settings
from app.directory import seal_secrets
from app.models import Address, Connection, Contact, Conversation, EffectRow, InboundEvent, Message
from app.web.rates import Rates
from tests.twilio_house import OURS, SECRET, THEIRS, TwilioHouse, a_call, message, twilio_house

FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.fixture
def house(settings: Settings) -> Iterator[TwilioHouse]:
    with twilio_house(settings) as made:
        yield made


def refused(answer: TestResponse, status: int, code: str) -> str:
    """The sentence of a refusal in the form all JSON errors have."""
    assert answer.status_code == status, answer.text
    body = answer.get_json()
    assert set(body) == {"error", "code", "details"}
    assert body["code"] == code
    assert body["error"].endswith(".")
    return str(body["error"])


@pytest.mark.parametrize("connection", ["main", "play"])
def test_a_signed_message_is_one_event_of_one_contact(house: TwilioHouse, connection: str) -> None:
    answer = house.post("messages", message(Body="hello 🙂", ProfileName="Ala"), connection)
    assert (answer.status_code, answer.data) == (200, b"")
    with house.house.database.reading() as session:
        event = session.execute(select(InboundEvent)).scalar_one()
        assert (event.kind, event.provider_id, event.state) == ("message_received", "SM1", "waiting")
        assert session.execute(select(Message.text)).scalar_one() == "hello 🙂"
        assert session.execute(select(Contact.name)).scalar_one() == "Ala"
        assert session.execute(select(Address.value)).scalar_one() == THEIRS


def test_a_get_webhook_is_signed_by_its_address_alone(house: TwilioHouse) -> None:
    query = "MessageSid=SM1&From=%2B48600100200&To=%2B48221234567&Body=hi"
    target = f"/hooks/main/messages?{query}"
    signature = sign(SECRET, f"https://patchbay.example{target}", [])
    assert house.client.get(target, headers={"X-Twilio-Signature": signature}).status_code == 200
    assert house.events() == [("message_received", "SM1")]


def test_a_repeated_webhook_is_ignored(house: TwilioHouse) -> None:
    answers = [house.post("messages", message(Body=text)) for text in ("first", "again", "and again")]
    assert {answer.status_code for answer in answers} == {200}
    assert (house.count(InboundEvent), house.count(Message)) == (1, 1)


def in_parallel(actions: list[Callable[[], TestResponse]]) -> list[TestResponse]:
    """All at the same moment."""
    together, answers = threading.Barrier(len(actions)), list[TestResponse]()

    def act(action: Callable[[], TestResponse]) -> None:
        together.wait()
        answers.append(action())

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_same_webhook_three_times_in_parallel_is_one_row(house: TwilioHouse) -> None:
    for number in range(20):
        form = message(f"SM{number}")
        answers = in_parallel([lambda form=form: house.post("messages", form) for _ in range(3)])  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (house.count(InboundEvent), house.count(Message), house.count(Conversation)) == (20, 20, 1)


UNSIGNED = {
    "without a signature": {},
    "with an empty one": {"X-Twilio-Signature": ""},
    "with another one": {"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
}


@pytest.mark.parametrize("headers", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_a_wrongly_signed_webhook_is_403_with_one_log_line_and_no_body(
    house: TwilioHouse, headers: dict[str, str]
) -> None:
    with capture_logs() as lines:
        answer = house.client.post("/hooks/main/messages", data={"Body": "top-secret-text"}, headers=headers)
    refused(answer, 403, "unsigned")
    (line,) = lines
    told = {name: line[name] for name in ("log_level", "connection", "path", "status", "code")}
    assert told == {
        "log_level": "warning",
        "connection": "main",
        "path": "messages",
        "status": 403,
        "code": "unsigned",
    }
    assert "top-secret-text" not in str(lines)
    assert house.count(InboundEvent) == 0


def test_another_connection_s_secret_does_not_open_this_one(house: TwilioHouse) -> None:
    refused(house.post("messages", message(), secret="another secret"), 403, "unsigned")


def test_a_connection_without_secret_takes_nothing(house: TwilioHouse) -> None:
    with house.house.database.transaction() as session:
        session.execute(update(Connection).where(Connection.name == "main").values(sealed=None))
    assert "enter its secret" in refused(house.post("messages", message(), secret=""), 403, "unsigned")


def test_a_secret_sealed_with_another_key_takes_nothing(house: TwilioHouse) -> None:
    with house.house.database.transaction() as session:
        session.execute(update(Connection).where(Connection.name == "main").values(sealed=b"\x01" + b"x" * 60))
    refused(house.post("messages", message()), 404, "unknown_connection")


def test_an_unknown_connection_and_one_that_is_off_are_404(house: TwilioHouse) -> None:
    with house.house.database.transaction() as session:
        session.execute(update(Connection).where(Connection.name == "main").values(enabled=False))
    assert "does not exist" in refused(house.post("messages", message(), "nowhere"), 404, "unknown_connection")
    assert "switched off" in refused(house.post("messages", message()), 404, "unknown_connection")


@pytest.mark.parametrize(
    ("path", "form"), [("messages", message(To="+48229999999")), ("calls", a_call(To="+48229999999"))]
)
def test_an_unknown_number_is_404_and_keeps_nothing(house: TwilioHouse, path: str, form: dict[str, str]) -> None:
    assert "+48229999999" in refused(house.post(path, form), 404, "unknown_number")
    assert (house.count(InboundEvent), house.count(Contact)) == (0, 0)


def test_a_megabyte_more_is_413_whether_announced_or_not(house: TwilioHouse) -> None:
    body = b"Body=" + b"x" * 1_000_000
    refused(house.client.post("/hooks/main/messages", data=body, content_type=FORM_TYPE), 413, "too_large")


def test_a_hundred_and_one_fields_are_413(house: TwilioHouse) -> None:
    refused(house.post("messages", [(f"F{number}", "x") for number in range(101)]), 413, "too_many_fields")


NOT_FORMS = [
    ("application/json", b'{"Body": "x"}', 415, "not_a_form"),
    ("text/plain", b"Body=x", 415, "not_a_form"),
    ("multipart/form-data; boundary=x", b"--x--", 415, "not_a_form"),
    ("", b"Body=x", 415, "not_a_form"),
    (FORM_TYPE, b"", 400, "empty_form"),
    (FORM_TYPE, b"&&&", 400, "empty_form"),
]


@pytest.mark.parametrize(("kind", "body", "status", "code"), NOT_FORMS)
def test_what_is_not_a_form_is_refused(house: TwilioHouse, kind: str, body: bytes, status: int, code: str) -> None:
    refused(house.client.post("/hooks/main/messages", data=body, content_type=kind), status, code)


def test_a_signed_form_without_its_fields_is_400(house: TwilioHouse) -> None:
    assert "field To" in refused(house.post("messages", {"Body": "x"}), 400, "unreadable")
    assert "no webhook fax" in refused(house.post("fax", message()), 400, "unreadable")


def test_another_method_is_405(house: TwilioHouse) -> None:
    assert house.client.put("/hooks/main/messages").status_code == 405


def test_a_flood_of_signed_webhooks_is_429_and_strangers_do_not_use_it_up(house: TwilioHouse) -> None:
    state = house.app.extensions["patchbay.hooks"]
    object.__setattr__(state, "rates", Rates(per_second=0.001, burst=2))
    for _ in range(5):
        house.client.post("/hooks/main/messages", data={"Body": "x"})
    assert [house.post("messages", message(f"SM{n}")).status_code for n in range(3)] == [200, 200, 429]
    answer = house.post("messages", message("SM9"))
    refused(answer, 429, "too_often")
    assert int(answer.headers["Retry-After"]) >= 1
    assert house.post("messages", message("SM9"), "play").status_code == 200


def an_effect(house: TwilioHouse) -> int:
    house.post("messages", message())
    with house.house.database.transaction() as session:
        event = session.execute(select(InboundEvent)).scalar_one()
        conversation = session.execute(select(Conversation)).scalar_one()
        row = EffectRow(
            key="1/1/0", kind="send_message", conversation_id=conversation.id, connection_id=conversation.connection_id,
            number_id=conversation.number_id, payload="{}", to=THEIRS, state="sending", provider_id="", error="",
            next_attempt_at=event.at, created_at=event.at,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_status_callbacks_are_kept_in_any_order_and_once_each(house: TwilioHouse) -> None:
    effect_id = an_effect(house)
    words = next(order for number, order in enumerate(permutations(["sent", "delivered", "read"])) if number == 4)
    for word in (*words, *words):
        form = {"MessageSid": "SM7", "MessageStatus": word, "To": THEIRS, "From": OURS}
        assert house.post(f"messages/status?effect={effect_id}", form).status_code == 200
    assert sorted(house.events()[1:]) == sorted(("message_status", f"SM7:{word}") for word in words)


def test_a_status_of_a_message_that_is_not_ours_is_answered_and_forgotten(house: TwilioHouse) -> None:
    form = {"MessageSid": "SM7", "MessageStatus": "sent"}
    assert house.post("messages/status?effect=99999", form).status_code == 200
    assert house.post("messages/status", form).status_code == 200
    assert house.events() == []


def test_a_webhook_keeps_all_it_tells_or_nothing(house: TwilioHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    monkeypatch.setattr("app.inbox.put_report", broken)
    monkeypatch.setattr("app.web.hooks._TRIES_SECONDS", {"calls": 0.0, "turns": 0.0})
    answer = house.post("calls/status", a_call(CallStatus="completed"))
    refused(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (house.count(InboundEvent), house.count(Conversation)) == (0, 0)


def test_a_database_that_comes_back_in_time_costs_no_webhook(
    house: TwilioHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_at, refusals = time.monotonic() + 0.25, list[str]()

    def away(name: str) -> Callable[..., object]:
        put = getattr(inbox, name)

        def refuse_first(*arguments: object) -> object:
            if time.monotonic() < back_at:
                refusals.append(name)
                raise OperationalError("SELECT", {}, Exception("restarting"))
            return put(*arguments)

        return refuse_first

    for name in ("put", "put_at_once"):
        monkeypatch.setattr(f"app.inbox.{name}", away(name))
    assert house.post("messages", message()).status_code == 200
    assert len(refusals) > 1
    assert house.events() == [("message_received", "SM1")]


def test_a_changed_secret_is_in_force_within_a_second(house: TwilioHouse) -> None:
    assert house.post("messages", message()).status_code == 200
    sealed = seal_secrets("main", {"account_sid": "AC2", "auth_token": "new"}, house.house.key)
    with house.house.database.transaction() as session:
        session.execute(update(Connection).where(Connection.name == "main").values(sealed=sealed))
    deadline = time.monotonic() + 5
    while house.post("messages", message("SM2"), secret="new").status_code == 403:
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    refused(house.post("messages", message("SM3")), 403, "unsigned")
