"""Against a Twilio that is not ours: its signed webhooks come in, and what we send arrives.

What it does not do is told in docs/decisions/twilio-double.md.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.serving import make_server

from app.channels.contract import OutgoingMessage, SendFailed, Sent
from app.channels.registry import channel_of
from app.config import Settings
from app.db import now
from app.models import Address, Connection, Conversation, EffectRow, InboundEvent, Message
from app.outgoing import Guarded, OutgoingError
from flows.effect import Choice, SendMessage
from flows.event import Attachment
from tests.doubles.twilio import TwilioDouble, twilio_double
from tests.twilio_house import ACCOUNT, OURS, THEIRS, TwilioHouse, a_worker, connection, twilio_house

TWILIO = channel_of("twilio")


@dataclass
class Both:
    """Our house, served on this machine, and the double that calls it."""

    house: TwilioHouse
    double: TwilioDouble
    public_url: str

    def send(self, message: SendMessage, effect_id: int = 1, **changes: str) -> Sent:
        """Sends through the guarded client, as the outbox does."""
        secrets = {name: changes.get(name, value) for name, value in connection().secrets.items()}
        info = replace(connection(api_base=self.double.url), secrets=secrets, public_url=self.public_url)
        return TWILIO.send(info, self.outgoing(message, effect_id, **changes), self.http())

    def outgoing(self, message: SendMessage, effect_id: int = 1, **changes: str) -> OutgoingMessage:
        """The message as the outbox hands it over."""
        return OutgoingMessage("1/1/0", effect_id, changes.get("sender", OURS), changes.get("to", THEIRS), message)

    def http(self) -> Guarded:
        """The guarded client, which may reach the double."""
        return Guarded(frozenset({("127.0.0.1", self.double.port)}))


@pytest.fixture
def both(settings: Settings, tmp_path: Path) -> Iterator[Both]:
    server = make_server("127.0.0.1", 0, Flask("not yet"), threaded=True)
    public_url = f"http://127.0.0.1:{server.server_port}"
    with (
        twilio_double(tmp_path, f"{public_url}/hooks/main") as double,
        twilio_house(replace(settings, public_url=public_url)) as house,
    ):
        server.app = house.app
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Both(house, double, public_url)
        server.shutdown()
        thread.join()
        server.server_close()


def an_effect(both: Both) -> int:
    """A message of ours that is on its way, in a conversation of the double's making."""
    both.double.simulate("inbound-message", To=OURS, From=THEIRS, Body="hello")
    with both.house.house.database.transaction() as session:
        conversation = session.execute(select(Conversation)).scalar_one()
        at = now(session)
        row = EffectRow(
            key="1/1/0", kind="send_message", conversation_id=conversation.id, connection_id=conversation.connection_id,
            number_id=conversation.number_id, payload="{}", to=THEIRS, state="sending", provider_id="", error="",
            next_attempt_at=at, created_at=at,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


@pytest.mark.parametrize("prefix", ["", "whatsapp:"])
def test_its_messages_come_in(both: Both, prefix: str) -> None:
    sent = both.double.simulate("inbound-message", To=prefix + OURS, From=prefix + THEIRS, Body="cześć 🙂 & co")
    assert both.house.events() == [("message_received", sent["sid"])]
    with both.house.house.database.reading() as session:
        assert session.execute(select(Message.text)).scalar_one() == "cześć 🙂 & co"
        assert session.execute(select(Address.value)).scalar_one() == THEIRS


def test_its_calls_come_in_and_end(both: Both) -> None:
    answers: list[str] = []
    thread = threading.Thread(
        target=lambda: answers.append(both.double.simulate("inbound-call", To=OURS, From=THEIRS)["sid"])
    )
    thread.start()
    while not both.house.events():
        threading.Event().wait(0.01)
    (_, provider_id), *_ = both.house.events()
    with a_worker(both.house, provider_id):
        thread.join()
    assert provider_id == f"{answers[0]}:0"
    for word in ("in-progress", "completed", "completed"):
        both.double.simulate("call-status", CallSid=answers[0], Status=word)
    assert both.house.events() == [("call_started", provider_id), ("caller_hung_up", f"{answers[0]}:status:ended")]


def test_what_we_send_arrives_and_its_callbacks_find_their_effect(both: Both) -> None:
    effect_id = an_effect(both)
    message = SendMessage(
        "Zażółć?",
        media=(Attachment("image/png", url="https://files.example/1"),),
        choices=(Choice("y", "Tak"), Choice("n", "Nie")),
    )
    sent = both.send(message, effect_id)
    arrived = both.double.messages()[0]
    assert (arrived["sid"], arrived["to"], arrived["from"]) == (sent.provider_id, THEIRS, OURS)
    assert (arrived["body"], arrived["num_media"]) == ("Zażółć?\n\n1. Tak\n2. Nie", "1")
    for word in ("sending", "sent", "delivered", "delivered"):
        both.double.simulate("message-status", MessageSid=sent.provider_id, Status=word)
    states = [f"{sent.provider_id}:{word}" for word in ("queued", "sending", "sent", "delivered")]
    assert both.house.events()[1:] == [("message_status", state) for state in states]
    with both.house.house.database.reading() as session:
        conversations = session.execute(select(InboundEvent.conversation_id)).scalars().all()
    assert len(set(conversations)) == 1


def test_whatsapp_goes_out_from_its_own_sender(both: Both) -> None:
    both.send(SendMessage("hi"), sender=f"whatsapp:{OURS}")
    assert (both.double.messages()[0]["from"], both.double.messages()[0]["to"]) == (
        f"whatsapp:{OURS}",
        f"whatsapp:{THEIRS}",
    )


def test_a_message_whose_answer_was_lost_is_found_by_looking(both: Both) -> None:
    message = SendMessage("only once")
    sent = both.send(message)
    both.send(SendMessage("something else"))
    info = replace(connection(api_base=both.double.url), public_url=both.public_url)
    with both.house.house.database.reading() as session:
        sending_at = now(session) - timedelta(seconds=2)

    def look(outgoing: OutgoingMessage, *owned: str) -> Sent | None:
        return TWILIO.look_up(info, outgoing, sending_at, frozenset(owned), both.http())

    assert look(both.outgoing(message)) == sent
    assert look(both.outgoing(message), sent.provider_id) is None
    assert look(both.outgoing(SendMessage("never sent"))) is None
    assert look(both.outgoing(message, to="+48600100999")) is None


def test_our_addresses_are_entered_and_read_back(both: Both) -> None:
    info = replace(connection(api_base=both.double.url), public_url="https://new.example")
    for _ in range(2):
        TWILIO.set_webhooks(info, OURS, TWILIO.webhook_addresses(info), both.http())
    numbers = both.double.ask("GET", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")
    kept = {number["phone_number"]: number for number in numbers["incoming_phone_numbers"]}
    assert kept[OURS]["sms_url"] == "https://new.example/hooks/main/messages"
    assert kept[OURS]["voice_url"] == "https://new.example/hooks/main/calls"
    assert kept[OURS]["status_callback"] == "https://new.example/hooks/main/calls/status"
    for number, sentence in (("+48229999999", "has no number"), (f"whatsapp:{OURS}", "only in its console")):
        with pytest.raises(SendFailed, match=sentence):
            TWILIO.set_webhooks(info, number, TWILIO.webhook_addresses(info), both.http())


def test_its_refusals_are_told_apart(both: Both) -> None:
    with pytest.raises(SendFailed, match="20003") as failed:
        both.send(SendMessage("hi"), auth_token="wrong")
    assert not failed.value.final
    with pytest.raises(SendFailed, match="21606") as failed:
        both.send(SendMessage("hi"), sender="+48229999999")
    assert (failed.value.kind, failed.value.final) == ("provider_code", True)
    assert both.double.messages() == []


def test_a_double_that_is_gone_never_got_the_message(both: Both) -> None:
    nowhere = replace(both, double=TwilioDouble("http://127.0.0.1:9", 9))
    with pytest.raises(OutgoingError) as lost:
        nowhere.send(SendMessage("hi"))
    assert not lost.value.may_have_arrived


def test_an_account_with_another_secret_is_not_believed(both: Both) -> None:
    with both.house.house.database.transaction() as session:
        session.execute(update(Connection).values(sealed=None))
    both.double.simulate("inbound-message", To=OURS, From=THEIRS, Body="hello")
    assert both.house.events() == []
