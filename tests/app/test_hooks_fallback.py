"""Without the database, and with a bug of ours, callers hear the number's fallback."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.web import hooks
from tests.twilio_house import OURS, TwilioHouse, a_call, begin, document, is_fallback, twilio_house


@pytest.fixture
def house(settings: Settings) -> Iterator[TwilioHouse]:
    with twilio_house(settings) as made:
        yield made


def without_database(*_: object, **__: object) -> Any:
    raise OperationalError("SELECT 1", {}, Exception("the database is away"))


def lose_database(house: TwilioHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing is read and nothing written."""
    for way in ("reading", "transaction", "at_once"):
        monkeypatch.setattr(type(house.house.database), way, without_database)


@pytest.fixture
def away(house: TwilioHouse, monkeypatch: pytest.MonkeyPatch) -> TwilioHouse:
    """A house that has taken a call and then lost its database."""
    begin(house)
    lose_database(house, monkeypatch)
    monkeypatch.setattr("app.web.hooks._TRIES_SECONDS", {"calls": 0.1, "turns": 0.1})
    monkeypatch.setattr("app.web.hook_memory.FRESH_SECONDS", 0.0)
    return house


@pytest.mark.parametrize("path", ["calls", "calls/turn?turn=1&after=gather"])
def test_without_the_database_callers_hear_the_number_s_fallback(away: TwilioHouse, path: str) -> None:
    assert is_fallback(document(away.post(path, a_call("CA2"))))


def test_without_the_database_strangers_still_hear_nothing(away: TwilioHouse) -> None:
    assert away.post("calls", a_call("CA2"), secret="another").status_code == 403


def test_the_fallback_address_needs_no_database(away: TwilioHouse) -> None:
    form = a_call("CA2", ErrorCode="11200", ErrorUrl="https://patchbay.example/hooks/main/calls")
    assert is_fallback(document(away.post("calls/fallback", form)))
    assert away.post("calls/fallback", form, secret="another").status_code == 403


def test_a_bug_of_ours_is_no_dead_line(house: TwilioHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    begin(house)
    for name in ("put", "put_at_once"):
        monkeypatch.setattr(f"app.inbox.{name}", broken)
    assert is_fallback(document(house.post("calls", a_call("CA2"))))


def test_a_process_that_knows_nothing_yet_still_says_something(
    house: TwilioHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(house.house.database), "reading", without_database)
    text = document(house.post("calls", a_call()))
    assert "Sorry, nobody can answer now." in text
    assert text.endswith("<Hangup /></Response>")


def test_a_quiet_process_keeps_what_callers_hear_ready(house: TwilioHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks.keep_ready(house.app)
    memory = house.app.extensions["patchbay.hooks"].memory
    deadline = time.monotonic() + 5
    while memory.recall("main") is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    memory.stop()
    lose_database(house, monkeypatch)
    monkeypatch.setattr("app.web.hooks._TRIES_SECONDS", {"calls": 0.0, "turns": 0.0})
    assert is_fallback(document(house.post("calls", a_call(To=OURS))))


def test_a_changed_fallback_number_is_known_within_a_minute(
    house: TwilioHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(house)
    with house.house.database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE numbers SET fallback_number = '+48229876543'")
    monkeypatch.setattr("app.web.hook_memory.RENEW_SECONDS", 0.0)
    monkeypatch.setattr("app.web.hook_memory.FRESH_SECONDS", 0.0)
    assert "+48229876543" in document(house.post("calls/turn?turn=4", a_call("CA404")))
