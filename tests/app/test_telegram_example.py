"""The worked example of a channel: Telegram, installed as a plugin, against a double as strict as its Bot API."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app.channels import registry
from app.channels.arrival import Arrival
from app.channels.contract import (
    Channel,
    ConnectionInfo,
    OutgoingMessage,
    SendFailed,
    Sent,
    Unreadable,
    Unsigned,
    Webhook,
)
from app.config import Settings
from app.connection_checks import checked
from app.db import now
from app.directory import seal_secrets
from app.models import Address, Connection, Contact, InboundEvent, Message, Number
from app.outgoing import ConnectionLost, Guarded, OutgoingError
from flows.effect import Choice, SendMessage
from flows.event import Attachment, MessageReceived
from tests.doubles.telegram import CHAT, SECRET, TOKEN, Refused, TelegramDouble, telegram_double
from tests.twilio_house import TwilioHouse, twilio_house

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "channels" / "telegram"
BOT = TOKEN.partition(":")[0]
SECRETS = {"bot_token": TOKEN, "webhook_secret": SECRET}
HEADER = "X-Telegram-Bot-Api-Secret-Token"
PHOTO = Attachment("image/jpeg", url="https://files.example.com/1.jpg")
PDF = Attachment("application/pdf", url="https://files.example.com/1.pdf")


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """Installed, as its pyproject.toml names it."""
    information = tmp_path / "patchbay_telegram-1.0.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: patchbay-telegram\nVersion: 1.0.0\n")
    group = (FOLDER / "pyproject.toml").read_text(encoding="utf-8").partition("[project.entry-points.")[2]
    assert group.startswith('"patchbay.channels"]\ntelegram = "patchbay_telegram:Telegram"')
    (information / "entry_points.txt").write_text("[patchbay.channels]\ntelegram = patchbay_telegram:Telegram\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(FOLDER)
    registry.channels.cache_clear()
    yield registry.channel_of("telegram")
    registry.channels.cache_clear()
    sys.modules.pop("patchbay_telegram")


@pytest.fixture
def telegram() -> Iterator[TelegramDouble]:
    with telegram_double() as double:
        yield double


@pytest.fixture
def http(telegram: TelegramDouble) -> Iterator[Guarded]:
    """The product's own client, which may reach the double."""
    guarded = Guarded(frozenset({("127.0.0.1", urlsplit(telegram.url).port or 0)}))
    yield guarded
    guarded.close()


def connection(telegram: TelegramDouble, **secrets: str) -> ConnectionInfo:
    settings = {"api_base": telegram.url}
    return ConnectionInfo(1, "tg", "telegram", settings, {**SECRETS, **secrets}, "https://patchbay.example")


def outgoing(message: SendMessage, to: int = CHAT) -> OutgoingMessage:
    return OutgoingMessage("r1/0/0", 7, BOT, str(to), message)


def update(identity: int = 1, **message: Any) -> dict[str, Any]:
    """An update with a message: https://core.telegram.org/bots/api#update."""
    sender = {"id": CHAT, "is_bot": False, "first_name": "Anna", "last_name": "Nowak", "language_code": "pl"}
    chat = {"id": CHAT, "type": "private", "first_name": "Anna"}
    told = {"message_id": identity, "date": 1_795_000_000, "from": sender, "chat": chat, **message}
    return {"update_id": identity, "message": told}


def webhook(told: Any, **headers: str) -> Webhook:
    return Webhook("messages", "https://patchbay.example/hooks/tg/messages", (), (), headers, json.dumps(told).encode())


@pytest.fixture
def house(settings: Settings, channel: Channel, telegram: TelegramDouble) -> Iterator[TwilioHouse]:
    """A house whose connection `tg` is a bot."""
    with twilio_house(settings) as made:
        with made.house.database.transaction() as session:
            at = now(session)
            sealed = seal_secrets("tg", SECRETS, made.house.key)
            row = Connection(name="tg", kind="telegram", sealed=sealed, created_at=at)
            session.add(row)
            session.flush()
            session.add(Number(name="bot", connection_id=row.id, value=BOT, created_at=at))
        yield made


def test_a_message_comes_in_once_with_its_contact(house: TwilioHouse) -> None:
    for _ in range(2):
        answer = house.client.post("/hooks/tg/messages", json=update(text="Dzień dobry 🙂"), headers={HEADER: SECRET})
        assert answer.status_code == 200
    with house.house.database.reading() as session:
        assert session.execute(select(InboundEvent.provider_id)).scalars().all() == ["update:1"]
        assert session.execute(select(Message.text)).scalars().all() == ["Dzień dobry 🙂"]
        assert session.execute(select(Contact.name)).scalar_one() == "Anna Nowak"
        row = session.execute(select(Address)).scalar_one()
        assert (row.kind, row.value) == ("telegram", str(CHAT))


def test_who_does_not_know_the_secret_token_is_kept_out(house: TwilioHouse) -> None:
    for headers in ({}, {HEADER: ""}, {HEADER: "wrong"}, {HEADER: SECRET + "x"}, {HEADER: "é"}):
        answer = house.client.post("/hooks/tg/messages", json=update(text="x"), headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "unsigned")
    assert house.events() == []


def test_without_a_secret_of_ours_nothing_is_believed(channel: Channel, telegram: TelegramDouble) -> None:
    with pytest.raises(Unsigned, match="missing or wrong"):
        channel.verify(connection(telegram, webhook_secret=""), webhook(update(text="x"), **{HEADER.lower(): ""}))


READ: list[tuple[dict[str, Any], MessageReceived]] = [
    ({"text": "hello"}, MessageReceived("hello")),
    ({"location": {"latitude": 52.2, "longitude": 21.0}}, MessageReceived("geo:52.2,21.0")),
    ({"contact": {"phone_number": "+48600100200", "first_name": "A"}}, MessageReceived("+48600100200")),
    (
        {"photo": [{"file_id": "small", "file_size": 1}, {"file_id": "large", "file_size": 9}], "caption": "look"},
        MessageReceived("look", (Attachment("image/jpeg", "photo.jpg", url="telegram-file:large", size_bytes=9),)),
    ),
    (
        {"document": {"file_id": "d", "file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 5}},
        MessageReceived("", (Attachment("application/pdf", "a.pdf", url="telegram-file:d", size_bytes=5),)),
    ),
    (
        {"voice": {"file_id": "v", "duration": 3}},
        MessageReceived("", (Attachment("audio/ogg", "voice", url="telegram-file:v"),)),
    ),
    ({"sticker": {"file_id": "s"}}, MessageReceived("")),
]


@pytest.mark.parametrize(("message", "happened"), READ, ids=[next(iter(row[0])) for row in READ])
def test_a_message_is_read(
    channel: Channel, telegram: TelegramDouble, message: dict[str, Any], happened: MessageReceived
) -> None:
    (arrival,) = channel.parse(connection(telegram), webhook(update(**message)))
    assert isinstance(arrival, Arrival)
    assert (arrival.happened, arrival.number, arrival.contact_language) == (happened, BOT, "pl")


IGNORED: list[dict[str, Any]] = [
    update(text="x", chat={"id": -5, "type": "group"}),
    {"update_id": 2, "edited_message": {}},
    {"update_id": 3, "callback_query": {"id": "1"}},
]


@pytest.mark.parametrize("told", IGNORED)
def test_what_is_no_private_message_is_taken_and_forgotten(
    channel: Channel, telegram: TelegramDouble, told: dict[str, Any]
) -> None:
    assert channel.parse(connection(telegram), webhook(told)) == []


NO_UPDATES: list[Any] = [
    [],
    {},
    "x",
    None,
    {"update_id": "x"},
    {"update_id": float("inf")},
    {"update_id": 1, "message": {"chat": 1}},
    update(chat=[]),
]


@pytest.mark.parametrize("told", NO_UPDATES, ids=str)
def test_what_is_no_update_is_refused_with_a_sentence(channel: Channel, telegram: TelegramDouble, told: Any) -> None:
    with pytest.raises(Unreadable, match="is this Telegram's webhook"):
        channel.parse(connection(telegram), webhook(told))


SENT: list[tuple[SendMessage, str, dict[str, Any]]] = [
    (SendMessage("Hello"), "sendMessage", {"text": "Hello"}),
    (
        SendMessage("Yes or no?", choices=(Choice("y", "Yes"), Choice("n", "No"))),
        "sendMessage",
        {
            "text": "Yes or no?",
            "reply_markup": {
                "keyboard": [[{"text": "Yes"}], [{"text": "No"}]],
                "one_time_keyboard": True,
                "resize_keyboard": True,
            },
        },
    ),
    (SendMessage("Look", (PHOTO,)), "sendPhoto", {"photo": PHOTO.url, "caption": "Look"}),
    (SendMessage("", (PDF,)), "sendDocument", {"document": PDF.url, "caption": ""}),
    (
        SendMessage("Two", (PHOTO, PHOTO)),
        "sendMediaGroup",
        {"media": [{"type": "photo", "media": PHOTO.url, "caption": "Two"}, {"type": "photo", "media": PHOTO.url}]},
    ),
]


@pytest.mark.parametrize(("message", "method", "parameters"), SENT, ids=[row[1] for row in SENT])
def test_a_message_leaves_in_one_request(
    channel: Channel, telegram: TelegramDouble, http: Guarded, message: SendMessage, method: str, parameters: Any
) -> None:
    assert channel.send(connection(telegram), outgoing(message), http) == Sent(f"{CHAT}/1")
    assert telegram.calls == [(method, {"chat_id": CHAT, **parameters})]


TOO_MUCH = [
    (SendMessage("x" * 4_097), "4,096 characters in a message"),
    (SendMessage("x" * 1_025, (PHOTO,)), "1,024 characters beside a file"),
    (SendMessage("", (PHOTO, PDF)), "of one kind together"),
    (SendMessage("", (PHOTO,) * 11), "2 to 10 files"),
    (SendMessage("", (PHOTO, PHOTO), (Choice("y", "Yes"),)), "without buttons"),
]


@pytest.mark.parametrize(("message", "sentence"), TOO_MUCH, ids=[row[1] for row in TOO_MUCH])
def test_what_fits_into_no_request_is_not_sent_by_half(
    channel: Channel, telegram: TelegramDouble, http: Guarded, message: SendMessage, sentence: str
) -> None:
    with pytest.raises(SendFailed, match=sentence) as failed:
        channel.send(connection(telegram), outgoing(message), http)
    assert failed.value.final
    assert telegram.calls == []


REFUSALS = [
    (Refused(429, "Too Many Requests: retry after 7", retry_after=7), "provider_code", False, 7.0),
    (Refused(403, "Forbidden: bot was blocked by the user"), "opted_out", True, 0.0),
    (Refused(400, "Bad Request: chat not found"), "invalid_recipient", True, 0.0),
    (Refused(413, "Request Entity Too Large"), "media_too_large", True, 0.0),
    (Refused(400, "Bad Request: failed to get HTTP URL content"), "provider_code", True, 0.0),
    (Refused(401, "Unauthorized"), "provider_code", True, 0.0),
]


@pytest.mark.parametrize(("refused", "kind", "final", "seconds"), REFUSALS, ids=[str(row[0])[:30] for row in REFUSALS])
def test_a_refusal_says_whether_another_attempt_makes_sense(
    channel: Channel, telegram: TelegramDouble, http: Guarded, refused: Refused, kind: str, final: bool, seconds: float
) -> None:
    telegram.fails.append(refused)
    with pytest.raises(SendFailed) as failed:
        channel.send(connection(telegram), outgoing(SendMessage("x")), http)
    one = failed.value
    assert (one.kind, one.final, one.retry_after_seconds, one.whole_number) == (kind, final, seconds, seconds > 0)
    assert TOKEN not in str(one)


@pytest.mark.parametrize("failing", [Refused(502, "Bad Gateway"), b"<html>", b"{}", b'{"ok": false}'])
def test_an_answer_that_does_not_tell_leaves_the_outcome_unknown_and_nothing_is_sent_again(
    channel: Channel, telegram: TelegramDouble, http: Guarded, failing: Refused | bytes
) -> None:
    telegram.fails.append(failing)
    with pytest.raises(ConnectionLost) as lost:
        channel.send(connection(telegram), outgoing(SendMessage("x")), http)
    assert lost.value.may_have_arrived
    assert TOKEN not in str(lost.value)
    policy = channel.policy_of(connection(telegram))
    assert (policy.key_lifetime_seconds, policy.looks_up, policy.local) == (0, False, False)


def test_a_file_is_fetched_in_two_steps(channel: Channel, telegram: TelegramDouble, http: Guarded) -> None:
    telegram.files["abc"] = b"%PDF-1.7"
    assert channel.fetch_file(connection(telegram), "telegram-file:abc", http).body == b"%PDF-1.7"
    with pytest.raises(OutgoingError) as lost:
        channel.fetch_file(connection(telegram), "telegram-file:gone", http)
    assert TOKEN not in str(lost.value)


def test_the_webhook_is_entered_with_its_secret_and_read_back(
    channel: Channel, telegram: TelegramDouble, http: Guarded
) -> None:
    bot = connection(telegram)
    addresses = channel.webhook_addresses(bot)
    channel.set_webhooks(bot, BOT, addresses, http)
    assert telegram.webhook == {
        "url": "https://patchbay.example/hooks/tg/messages",
        "secret_token": SECRET,
        "allowed_updates": ["message"],
    }
    with pytest.raises(SendFailed, match="HTTPS URL"):
        channel.set_webhooks(bot, BOT, {"messages": "http://here"}, http)


def test_the_test_of_the_connection_tells_a_wrong_token_from_a_wrong_address(
    channel: Channel, telegram: TelegramDouble, http: Guarded
) -> None:
    bot = replace(connection(telegram), public_url="https://127.0.0.1")

    def told(info: ConnectionInfo) -> list[tuple[str, str]]:
        return [(one.name, one.state) for one in checked(info, [], http)]

    usual = [("secrets", "good"), ("public_address", "wrong")]
    assert told(bot) == [*usual, ("webhooks", "wrong")]
    telegram.webhook["url"] = bot.hook("messages")
    assert told(bot) == [*usual, ("webhooks", "good")]
    stranger = replace(bot, secrets={**bot.secrets, "bot_token": "1:wrong"})
    assert told(stranger) == [*usual, ("credentials", "wrong")]
    assert told(replace(bot, secrets={})) == [("secrets", "wrong"), usual[1]]
