"""The connection `webhook`: what is believed, and what is read out of it."""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

import pytest

from app.channels.arrival import Notice
from app.channels.contract import ConnectionInfo, Unreadable, Unsigned, Webhook
from app.channels.webhook import WebhookChannel

CHANNEL = WebhookChannel()


def connection(shared: str = "whsec", **settings: Any) -> ConnectionInfo:
    secrets = {"secret": shared} if shared else {}
    return ConnectionInfo(7, "payments", "webhook", {"key": "data.payment", **settings}, secrets)


def webhook(body: bytes, signature: str | None = None, header: str = "x-signature", path: str = "events") -> Webhook:
    signed = hmac.new(b"whsec", body, hashlib.sha256).hexdigest() if signature is None else signature
    return Webhook(path=path, url="", query=[], form=[], headers={header: signed}, body=body)


GOOD = hmac.new(b"whsec", b"{}", hashlib.sha256).hexdigest()


@pytest.mark.parametrize("signature", [GOOD, f"sha256={GOOD}", GOOD.upper(), f" {GOOD} "])
def test_a_right_signature_is_believed_however_it_is_written(signature: str) -> None:
    CHANNEL.verify(connection(), webhook(b"{}", signature))


@pytest.mark.parametrize(
    ("known", "given"),
    [
        (connection(), webhook(b"{}", "")),
        (connection(), webhook(b"{}", GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"))),
        (connection(), webhook(b"{} ", GOOD)),
        (connection(), webhook(b"{}", "ü" * 64)),
        (connection(shared="other"), webhook(b"{}")),
        (connection(shared=""), webhook(b"{}", hmac.new(b"", b"{}", hashlib.sha256).hexdigest())),
        (connection(signature_header="X-Shop"), webhook(b"{}")),
    ],
)
def test_anything_else_is_not(known: ConnectionInfo, given: Webhook) -> None:
    with pytest.raises(Unsigned, match=r"\.$"):
        CHANNEL.verify(known, given)


def test_the_header_may_have_another_name() -> None:
    CHANNEL.verify(connection(signature_header="X-Shop"), webhook(b"{}", header="x-shop"))


READ: list[tuple[dict[str, Any], bytes, str, Any]] = [
    ({}, b'{"data": {"payment": "p1"}}', "p1", {"data": {"payment": "p1"}}),
    ({}, b'{"data": {"payment": 12}}', "12", {"data": {"payment": Decimal(12)}}),
    ({"key": "[0].k"}, b'[{"k": "x", "n": 1.50}]', "x", [{"k": "x", "n": Decimal("1.50")}]),
]


@pytest.mark.parametrize(("settings", "body", "key", "data"), READ)
def test_the_key_is_read_where_the_settings_say(settings: dict[str, Any], body: bytes, key: str, data: Any) -> None:
    (notice,) = CHANNEL.parse(connection(**settings), webhook(body))
    assert (notice.key, notice.data) == (key, data)


def test_an_event_is_known_by_its_own_id_or_else_by_its_body() -> None:
    one, other = b'{"id": 5, "data": {"payment": "p"}}', b'{"id": 5, "data": {"payment": "p"}, "n": 1}'

    def own(body: bytes, **settings: Any) -> str:
        (notice,) = CHANNEL.parse(connection(**settings), webhook(body))
        assert isinstance(notice, Notice)
        return notice.provider_id

    assert own(one, id="id") == own(other, id="id") == "5"
    assert own(one) == own(one) != own(other)


UNREADABLE = [
    (b"", {}),
    (b"not json", {}),
    (b"\xff\xfe", {}),
    (b"[" * 5_000, {}),
    (b"{}", {}),
    (b'{"data": {"payment": ""}}', {}),
    (b'{"data": {"payment": true}}', {}),
    (b'{"data": {"payment": ["a"]}}', {}),
    (b'{"data": {"payment": "' + b"x" * 501 + b'"}}', {}),
    (b'{"data": {"payment": "p"}}', {"key": "data..payment"}),
]


@pytest.mark.parametrize(("body", "settings"), UNREADABLE)
def test_what_cannot_be_read_is_refused_with_a_sentence(body: bytes, settings: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        CHANNEL.parse(connection(**settings), webhook(body))
    with pytest.raises(Unreadable):
        CHANNEL.parse(connection(), webhook(b'{"data": {"payment": "p"}}', path="calls/turn"))
