"""What cannot be read, prepared or stored spoils its own conversation only, and ends with people."""

from typing import Any

import pytest
from sqlalchemy import select, text

from app.channels.contract import SendFailed
from app.models import Connection
from tests.app.drawn import echo, interview
from tests.app.house import Runtime
from tests.app.provider import Provider

ANNA, INNOCENT = "+48600000001", "+48600000002"


def unreadable_run(room: Runtime) -> None:
    """A run that a newer version wrote."""
    room.publish(interview("lookup"))
    room.write("hello", "lookup", contact=ANNA)
    room.drive()
    room.execute("UPDATE runs SET state = :newer", newer='{"kind":"run","news":1}')
    room.write("Anna", "lookup", contact=ANNA)


def unknown_channel(room: Runtime) -> None:
    """A plugin was taken away."""
    room.publish(echo("lookup", "Spoilt"))
    room.execute("UPDATE connections SET kind = 'gone' WHERE name = 'lookup'")
    room.write("hello", "lookup", contact=ANNA)


def missing_version(room: Runtime) -> None:
    """A version's document cannot be read."""
    room.publish(echo("lookup", "Spoilt"))
    room.execute("UPDATE versions SET document = '{\"format\": 99}'")
    room.write("hello", "lookup", contact=ANNA)


@pytest.mark.parametrize("poison", [unreadable_run, unknown_channel, missing_version])
def test_what_cannot_begin_is_set_aside_after_three_attempts_and_others_are_answered_at_once(
    room: Runtime, poison: Any
) -> None:
    poison(room)
    room.publish(echo("keys"))
    room.write("hello", contact=INNOCENT)
    room.drive()
    assert room.provider.texts[-1] == "echo hello", "at once"
    for _ in range(4):
        room.move_clock(30)
        room.drive()
    assert room.column("SELECT attempts FROM inbound_events WHERE state = 'set_aside'") == [4], "three, and the last"
    assert room.entries() == [("people", "waiting")]
    assert "set_aside" in room.problems()
    assert all(process.alive for process in room.processes)


def test_one_connection_whose_secret_cannot_be_opened_closes_no_other(room: Runtime) -> None:
    room.publish(echo("keys"))
    with room.house.database.transaction() as session:
        session.scalars(select(Connection).where(Connection.name == "lookup")).one().sealed = b"nobody can open this"
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["echo hello"]


# what a provider says


@pytest.mark.parametrize("words", ["\ud800 surrogate", "\x00 nul", "x" * 1_000_000])
@pytest.mark.parametrize("final", [True, False])
def test_whatever_a_provider_says_is_stored_and_stops_nobody(
    room: Runtime, monkeypatch: pytest.MonkeyPatch, words: str, final: bool
) -> None:
    room.publish(echo("keys"))
    real = Provider.receive

    def receive(provider: Provider, outgoing: Any, *, has_keys: bool) -> Any:
        if outgoing.to == ANNA:
            raise SendFailed("provider_code", words, final=final)
        return real(provider, outgoing, has_keys=has_keys)

    monkeypatch.setattr(Provider, "receive", receive)
    room.write("hello", contact=ANNA)
    room.write("hello", contact=INNOCENT)
    room.drive()
    assert room.provider.texts == ["echo hello"]
    row = room.one('SELECT state, error FROM effects WHERE "to" = :to', to=ANNA)
    assert (row["state"], len(row["error"]) <= 1_000) == ("dead" if final else "queued", True)
    assert all(process.alive for process in room.processes)
    with room.house.database.transaction() as session:
        session.execute(text("UPDATE effects SET state = 'cancelled' WHERE state = 'queued'"))
