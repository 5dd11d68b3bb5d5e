"""What a publication tells carriers leaves by the outbox, the latest only, and a refusal is shown to people."""

from collections.abc import Mapping

import pytest

from app.channels.contract import ConnectionInfo, Http, SendFailed
from tests.app.house import Runtime
from tests.app.processes import until
from tests.app.provider import KeysDouble

ADDRESSES = '{"addresses":{"SmsUrl":"https://patchbay.example/hooks/keys/messages"},"number":"+48220000000"}'


def publish(room: Runtime, version: int) -> None:
    """Queues what a publication queues."""
    room.execute(
        'INSERT INTO effects (key, kind, connection_id, number_id, payload, "to", state, attempts, next_attempt_at,'
        " provider_id, error, created_at)"
        " VALUES (:key, 'set_webhooks', :connection, :number, :payload, '', 'queued', 0, 0, '', '', 0)",
        key=f"publish/{version}/1",
        connection=room.numbers["keys"].connection_id,
        number=room.numbers["keys"].id,
        payload=ADDRESSES,
    )


def states(room: Runtime) -> list[str]:
    return room.column("SELECT state FROM effects ORDER BY id")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What the carrier was told."""
    heard: list[tuple[str, dict[str, str]]] = []

    def set_webhooks(_: object, __: ConnectionInfo, number: str, addresses: Mapping[str, str], ___: Http) -> None:
        heard.append((number, dict(addresses)))

    monkeypatch.setattr(KeysDouble, "set_webhooks", set_webhooks)
    return heard


def test_the_latest_publication_is_told_and_an_older_one_is_not(
    room: Runtime, told: list[tuple[str, dict[str, str]]]
) -> None:
    publish(room, 1)
    publish(room, 2)
    room.start()
    until(lambda: states(room) == ["cancelled", "sent"], "the carrier was told")
    assert told == [("+48220000000", {"SmsUrl": "https://patchbay.example/hooks/keys/messages"})]


def test_a_carrier_that_refuses_is_shown_on_the_errors_page(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise SendFailed("provider_code", "The number is not ours.", final=True)

    monkeypatch.setattr(KeysDouble, "set_webhooks", refuse)
    publish(room, 1)
    room.start()
    until(lambda: states(room) == ["dead"], "the refusal was noted")
    assert room.column("SELECT message FROM problems") == [
        "The addresses could not be entered at the carrier: The number is not ours. Enter them there by hand."
    ]
