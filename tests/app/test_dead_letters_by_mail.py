"""E-mails and posts to the team that failed, or may have arrived: people see them, and send them again or not."""

import json
from collections.abc import Iterator

import pytest

from app.config import Settings
from app.runner import threads
from tests.app.house import Runtime
from tests.app.processes import until
from tests.app.test_api_mending import Asking
from tests.app.test_letters import MAIL, TO, Office, an_office


@pytest.fixture
def office(runtime_settings: Settings, doubles: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(threads, "_EVERY_SECONDS", 0.0)
    with an_office(runtime_settings) as made:
        yield made


def lost(office: Office) -> int:
    """A mail of which nobody knows whether it arrived; its number."""
    office.server.after_data = "close"
    office.runs("send_email", MAIL)
    until(lambda: office.states() == ["unknown"], f"nobody knows ({office.states()})")
    office.server.after_data = "250 OK"
    return number_of(office.room)


def number_of(room: Runtime) -> int:
    """Of the only letter."""
    return int(room.one("SELECT id FROM effects WHERE kind IN ('send_email', 'post_to_team')")["id"])


def test_a_mail_that_may_have_arrived_is_listed_and_sent_again_and_its_run_goes_on(office: Office) -> None:
    id_, ask = lost(office), Asking(office.room)
    (listed,) = ask("GET", "/dead-letters?conversation=PB-10001&state=unknown")["items"]
    assert listed == ask("GET", f"/dead-letters/{id_}")
    told = {
        "id": id_,
        "kind": "send_email",
        "conversation": "PB-10001",
        "state": "unknown",
        "question": "It is unknown whether this message arrived. Send it again?",
        "author": "flow",
        "subject": "Order 4711",
        "text": "It is ready.",
        "to": TO,
        "credential": "mail",
        "number": None,
        "connection": None,
        "media": [],
    }
    assert {name: listed[name] for name in told} == told
    assert ask("GET", "/dead-letters?state=dead")["items"] == []

    assert ask("POST", f"/dead-letters/{id_}/edit", 409, text="Other")["code"] == "not_editable"
    assert ask("POST", f"/dead-letters/{id_}/retry", 202)["did"] == "retry_letter"
    office.ends(1, "done")
    assert office.states() == ["sent"]
    first, second = (mail.read["message-id"] for mail in office.server.mails)
    assert first == second, "who has it already knows it again"
    assert ask("GET", "/dead-letters")["items"] == []
    assert ask("POST", f"/dead-letters/{id_}/retry", 409)["code"] == "decided_already"
    assert office.room.column("SELECT what FROM audit WHERE did = 'retry_letter'") == [f"PB-10001 letter {id_}"]


def test_one_that_is_left_is_in_the_list_no_more_and_never_leaves(office: Office) -> None:
    id_, ask = lost(office), Asking(office.room)
    ask("POST", f"/dead-letters/{id_}/skip", 202)
    assert ask("GET", "/dead-letters")["items"] == []
    assert ask("POST", f"/dead-letters/{id_}/skip", 409)["code"] == "decided_already"
    assert (office.states(), len(office.server.mails)) == (["cancelled"], 1)
    office.room.move_clock(700)
    office.ends(1, "failed: send_timeout")


def test_a_mail_that_dies_again_is_told_again(office: Office) -> None:
    ask = Asking(office.room)
    office.server.refused = {TO: "550 No such user"}
    office.ends(office.runs("send_email", MAIL), "failed: bounced")
    id_ = number_of(office.room)
    ask("POST", f"/dead-letters/{id_}/retry", 202)
    until(lambda: office.states() == ["dead"], f"it died again ({office.states()})")
    until(lambda: office.room.problems() == ["bounced", "bounced"], f"people see it ({office.room.problems()})")
    assert [one["id"] for one in ask("GET", "/dead-letters")["items"]] == [id_]
    office.server.refused = {}
    ask("POST", f"/dead-letters/{id_}/retry", 202)
    until(lambda: office.states() == ["sent"], "it left")


def test_what_cannot_leave_is_refused_where_somebody_hears_it(office: Office) -> None:
    id_, ask = lost(office), Asking(office.room)
    office.room.write("hello", "chat", "anna")
    office.room.execute(
        "UPDATE addresses SET kind = 'email', value = :to, opted_out_at = 1 WHERE value = 'anna'", to=TO
    )
    refused = ask("POST", f"/dead-letters/{id_}/retry", 409)
    assert (refused["code"], TO in refused["error"]) == ("opted_out", True)
    office.room.execute("DELETE FROM credentials WHERE name = 'mail'")
    refused = ask("POST", f"/dead-letters/{id_}/retry", 409)
    assert refused["error"] == "There is no credential “mail” of the kind smtp: enter it first."
    assert (office.states(), len(office.server.mails)) == (["unknown"], 1)


def test_a_post_that_the_chat_refused_is_sent_again(office: Office) -> None:
    office.link_chat(office.chat.port)
    office.chat.answer = lambda talk: talk.answer(b"", "404 No")
    config = {"by": {"means": "chat", "credential": "team"}, "text": "{{ message.text }}", "link": False}
    office.ends(office.runs("notify_team", config, "Anna waits"), "failed: provider_code")
    ask = Asking(office.room)
    (listed,) = ask("GET", "/dead-letters")["items"]
    assert (listed["kind"], listed["text"], listed["subject"]) == ("post_to_team", "Anna waits", None)
    office.chat.answer = lambda talk: talk.answer(b"ok")
    ask("POST", f"/dead-letters/{listed['id']}/retry", 202)
    until(lambda: office.states() == ["sent"], f"{office.states()}")
    assert [json.loads(talk.body)["text"] for talk in office.chat.talks] == ["Anna waits"] * 2
