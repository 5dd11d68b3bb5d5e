"""Users whom a host page signs for: the signature, its end, and whose conversation they get."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from app.config import Settings
from app.models import Address, Connection, Contact
from tests.chat_house import SECRET, ChatHouse, chat_house


@pytest.fixture
def chat(settings: Settings) -> Iterator[ChatHouse]:
    with chat_house(settings) as house:
        yield house


def signed(fields: object, secret: str = SECRET) -> str:
    """As docs/web-chat.md tells site owners to do it."""
    data = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=")
    signature = hmac.new(secret.encode(), data, hashlib.sha256).digest()
    return f"{data.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def in_an_hour() -> int:
    return int(time.time()) + 3600


def test_a_signed_user_is_a_contact_with_name_and_phone(chat: ChatHouse) -> None:
    user = signed({"id": "u-17", "name": "Anna Kowalska", "phone": "601 700 900", "exp": in_an_hour()})
    chat.visit(user=user).send("hello")
    with chat.house.database.reading() as session:
        assert session.execute(select(Contact.name)).scalar_one() == "Anna Kowalska"
        addresses = {(row.kind, row.value) for row in session.execute(select(Address.kind, Address.value))}
    assert addresses == {("user", f"{chat.connection_id}:u-17"), ("phone", "+48601700900")}


def test_a_signed_user_finds_the_conversation_again_in_another_browser(chat: ChatHouse) -> None:
    chat.visit(user=signed({"id": 17, "exp": in_an_hour()})).send("from the office")
    again = chat.visit(user=signed({"id": 17, "exp": in_an_hour() + 5}))
    assert [message["text"] for message in again.messages()["messages"]] == ["from the office"]
    assert chat.visit(user=signed({"id": 18, "exp": in_an_hour()})).messages()["messages"] == []


BELIEVED_BY_NOBODY = [
    (signed({"id": "1", "exp": in_an_hour()}, "another secret"), "identity_signature"),
    (signed({"id": "1", "exp": in_an_hour()}) + "x", "identity_signature"),
    (signed({"id": "1", "exp": in_an_hour()}).partition(".")[0], "identity_signature"),
    ("x" * 8_000, "identity_signature"),
    ("é.é", "identity_signature"),
    (signed({"id": "1", "exp": int(time.time()) - 1}), "identity_expired"),
    (signed({"id": "1"}), "identity_without_expiry"),
    (signed({"id": "1", "exp": "soon"}), "identity_without_expiry"),
    (signed({"id": "1", "exp": 1e300}), "identity_without_expiry"),
    (signed({"exp": in_an_hour()}), "identity_without_id"),
    (signed({"id": "", "exp": in_an_hour()}), "identity_without_id"),
    (signed({"id": True, "exp": in_an_hour()}), "identity_unreadable"),
    (signed({"id": "a" * 201, "exp": in_an_hour()}), "identity_unreadable"),
    (signed({"id": "1", "phone": "not a phone", "exp": in_an_hour()}), "identity_phone"),
    (signed([1, 2]), "identity_unreadable"),
    (signed("text"), "identity_unreadable"),
]


# A row's name must not hold the time: processes that share the tests must call them alike.
@pytest.mark.parametrize(
    ("user", "code"), BELIEVED_BY_NOBODY, ids=[f"{n}-{code}" for n, (_, code) in enumerate(BELIEVED_BY_NOBODY)]
)
def test_a_signature_that_does_not_hold_is_refused_with_a_sentence(chat: ChatHouse, user: str, code: str) -> None:
    answer = chat.client.post("/chat/web/visits", json={"user": user})
    assert (answer.status_code, answer.get_json()["code"]) == (403, code)
    assert answer.get_json()["error"].endswith(".")
    assert SECRET not in answer.text


def test_without_a_secret_nobody_is_believed(chat: ChatHouse) -> None:
    with chat.house.database.transaction() as session:
        session.execute(update(Connection).values(sealed=None))
    for secret in (SECRET, ""):
        answer = chat.client.post("/chat/web/visits", json={"user": signed({"id": "1", "exp": in_an_hour()}, secret)})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "identity_off")


def test_a_users_token_ends_with_the_signature(chat: ChatHouse) -> None:
    visit = chat.visit(user=signed({"id": "1", "exp": in_an_hour()}))
    assert visit.send("hello").status_code == 200
    chat.move_clock(3700)
    assert visit.send("late").status_code == 401
    assert chat.visit(token=visit.token).messages()["messages"] == []


def test_a_guest_cannot_pass_for_a_user(chat: ChatHouse) -> None:
    chat.visit(user=signed({"id": "1", "exp": in_an_hour()})).send("private")
    guest = chat.visit()
    forged = guest.token.replace("visitor", "user")
    assert chat.visit(token=forged).messages()["messages"] == []
