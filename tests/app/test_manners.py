"""Manners towards customers, one claim each; those about schedules stand in `test_schedules`, a flood's in
`test_actions`, bounces and auto-replies in `test_mailbox`."""

from collections.abc import Mapping

import pytest

from app.channels.registry import channel_of
from app.channels.simulated import Simulated
from app.channels.twilio import Twilio
from app.config import Settings
from tests.app.api_client import api
from tests.app.drawn import asks, drawn, placed, sends, starts_with
from tests.app.house import Runtime

WORDS = {
    "en": ["STOP", "stop.", " Unsubscribe ", "CANCEL", "quit"],
    "pl": ["wypisz", "REZYGNUJĘ", "rezygnuje\u0328", "rezygnuje", "koniec"],
    "ru": ["СТОП", "отписаться", "Отписка", "отмена"],
}


@pytest.mark.parametrize("language", list(WORDS))
def test_an_opt_out_word_of_each_language_ends_all_messages(room: Runtime, language: str) -> None:
    room.publish(drawn("Ask", {"in": starts_with("keys", "ask"), "ask": asks("Name?", to="out"), "out": sends("Hi")}))
    contacts = [f"+486002003{n:02}" for n in range(len(WORDS[language]))]
    for address in contacts:
        room.write("hello", contact=address)
    room.drive()
    for address, word in zip(contacts, WORDS[language], strict=True):
        room.write(word, contact=address)
    room.drive()
    confirmed = len(room.provider.texts)
    for address in contacts:
        room.write("Anna", contact=address)  # people may read it; nothing is sent
    room.drive()
    assert len(room.provider.texts) == confirmed == 2 * len(contacts)
    assert set(room.outcomes()) == {"opted_out"}


def test_a_word_in_a_longer_message_is_no_opt_out(room: Runtime) -> None:
    room.publish(drawn("Ask", {"in": starts_with("keys", "ask"), "ask": asks("Name?", to="out"), "out": sends("Hi")}))
    room.write("hello")
    room.drive()
    room.write("please stop calling me Bob")
    room.drive()
    assert room.provider.texts == ["Name?", "Hi"]


def late(template: bool) -> dict[str, object]:
    config = {"text": {"en": "Still there?"}, "wait_for": "accepted"}
    if template:
        config["template"] = {"name": "HX1"}
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": asks("Name?", timed_out="again", time_limit_seconds=25 * 3_600),
        "again": placed("send_message", config, success="end", failure="failed"),
        "failed": placed("end", {"outcome": "too_late"}),
    }
    return drawn("Late", steps)


@pytest.mark.parametrize(("template", "texts"), [(False, 1), (True, 2)])
def test_outside_24_hours_whatsapp_takes_only_a_template(
    room: Runtime, monkeypatch: pytest.MonkeyPatch, template: bool, texts: int
) -> None:
    monkeypatch.setattr(type(channel_of("double_keys")), "free_form_seconds", {"+": 86_400.0})
    room.publish(late(template))
    room.write("hello")
    room.drive()
    room.move_clock(25 * 3_600 + 60)
    room.drive()
    assert len(room.provider.taken) == texts
    assert room.problems() == ([] if template else ["outside_24h_window"])


def test_within_24_hours_whatsapp_takes_any_words(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(channel_of("double_keys")), "free_form_seconds", {"+": 86_400.0})
    room.publish(drawn("Hi", {"in": starts_with("keys", "out"), "out": sends("Hi")}))
    room.write("hello")
    room.move_clock(23 * 3_600)
    room.drive()
    assert room.provider.texts == ["Hi"]


def test_only_whatsapp_has_a_window_and_only_texts_are_paced_by_default() -> None:
    windows: Mapping[str, float] = Twilio.free_form_seconds
    assert (dict(windows), dict(Twilio.usual_rates), dict(Simulated.usual_rates)) == (
        {"whatsapp:": 86_400.0},
        {"+": 1.0},
        {},
    )


def test_a_new_number_sends_one_text_a_second_unless_told_otherwise(settings: Settings) -> None:
    secrets = {"account_sid": "AC" + "0" * 32, "auth_token": "secret"}
    with api(settings) as client:
        client.post("/connections", 201, name="acme", kind="twilio", secrets=secrets, settings={"country": "PL"})
        made = [
            client.post("/numbers", 201, name=name, connection="acme", value=value, **more)["rate_per_second"]
            for name, value, more in (
                ("sms", "+48221234567", {}),
                ("fast", "+48221234568", {"rate_per_second": 10}),
                ("free", "+48221234569", {"rate_per_second": 0}),
                ("wa", "whatsapp:+48221234567", {}),
            )
        ]
    assert made == [1.0, 10.0, 0.0, 0.0]
