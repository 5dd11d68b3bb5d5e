"""What leaves by send_email and notify_team: once, whole or not at all, and the step hears what became of it."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app import letters
from app.config import Settings
from app.credentials import Credential, read_credential
from app.files import store_file
from app.points import set_hook
from app.runner import letters as runner_letters
from app.runner import threads
from app.store import letters as stored_letters
from app.store.commits import commit
from app.store.sends import Settled
from tests.app.drawn import drawn, placed, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import Killed, until
from tests.app.raw_server import RawServer, serving
from tests.app.smtp_server import PASSWORD, USER, SmtpServer, enter_credential, silent_server, smtp_server
from tests.app.test_lock_order import finished

TO = "anna@example.com"
MAIL = {"credential": "mail", "to": [TO], "subject": {"en": "Order {{ message.text }}"}, "text": {"en": "It is ready."}}


class Office:
    """A house beside an SMTP server and the team's chat."""

    def __init__(self, room: Runtime, server: SmtpServer, chat: RawServer, silent_port: int) -> None:
        self.room, self.server, self.chat = room, server, chat
        self._silent_port = silent_port
        self.enter("mail", "smtp", self.account())
        self.enter("silent", "smtp", self.account(port=silent_port))
        self.enter("wrong", "smtp", self.account(secret="not it"))

    def account(self, **changes: Any) -> dict[str, str]:
        """The mail account."""
        plain = {"host": "127.0.0.1", "port": self.server.port, "mode": "none", "user": USER, "secret": PASSWORD}
        return {name: str(value) for name, value in {**plain, "sender": "Acme <desk@acme.example>", **changes}.items()}

    def account_port(self, name: str) -> int:
        """Where an account lies."""
        return self._silent_port if name == "silent" else self.server.port

    def link_chat(self, port: int) -> None:
        """The team's chat, which is on this machine and so needs no encryption."""
        enter_credential(self.room, Credential("team", "chat_webhook", (), {"url": f"http://127.0.0.1:{port}/hook"}))

    def enter(self, name: str, kind: str, secret: dict[str, str]) -> None:
        """A credential as people enter it."""
        enter_credential(self.room, read_credential(name, kind, (), secret))

    def runs(self, kind: str, config: dict[str, Any], words: str = "4711") -> int:
        """A contact writes to a flow with this step, which says how it left; the conversation's id."""
        steps = {
            "in": starts_with("keys", "it"),
            "it": placed(kind, config, success="done", failure="failed"),
            "done": sends("done"),
            "failed": sends("failed: {{ error.kind }}"),
        }
        self.room.publish(drawn("Letters", steps))
        return self.room.write(words).conversation_id

    def ends(self, conversation_id: int, words: str) -> None:
        """Waits for what the flow says last."""
        until(lambda: self.room.said(conversation_id)[-1:] == [f"> {words}"], f"{self.room.said(conversation_id)}")

    def states(self) -> list[str]:
        """The letters' states in the outbox."""
        return self.room.column("SELECT state FROM effects WHERE kind <> 'send_message' ORDER BY id")


@pytest.fixture
def office(sqlite_url: str, data_folder: Path, doubles: None) -> Iterator[Office]:
    with an_office(Settings.from_environment({"DATABASE_URL": sqlite_url, "PATCHBAY_DATA": str(data_folder)})) as made:
        yield made


@pytest.fixture
def either_office(runtime_settings: Settings, doubles: None) -> Iterator[Office]:
    """The same on both databases, where what is stored matters most."""
    with an_office(runtime_settings) as made:
        yield made


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look as soon as they are woken."""
    monkeypatch.setattr(threads, "_EVERY_SECONDS", 0.0)


@contextmanager
def an_office(settings: Settings) -> Iterator[Office]:
    with smtp_server() as server, serving(lambda talk: talk.answer(b"ok")) as chat, silent_server() as silent_port:
        hosts = frozenset(("127.0.0.1", port) for port in (server.port, silent_port, chat.port))
        with runtime(settings, allowed_private_hosts=hosts) as room:
            room.start()
            yield Office(room, server, chat, silent_port)


def test_an_e_mail_leaves_once_and_the_flow_goes_on(office: Office) -> None:
    office.ends(office.runs("send_email", MAIL), "done")
    (mail,) = office.server.mails
    assert (mail.sender, mail.recipients, mail.text) == ("desk@acme.example", [TO], "It is ready.")
    assert (mail.read["subject"], mail.read["from"], mail.read["to"]) == (
        "Order 4711",
        "Acme <desk@acme.example>",
        TO,
    )
    assert office.states() == ["sent"]
    assert mail.read["message-id"] == office.room.column("SELECT provider_id FROM effects WHERE kind = 'send_email'")[0]


def test_copies_html_and_files_go_with_it_and_a_blind_copy_stands_nowhere(office: Office) -> None:
    content = b"\x89PNG\r\n\x1a\n" + bytes(20)
    with office.room.house.database.transaction() as session:
        store_file(session, content, "map.png")
    more = {"cc": ["bob@example.com"], "bcc": ["eve@example.com"], "html": {"en": "<p>Order {{ message.text }}</p>"}}
    files = [{"file": hashlib.sha256(content).hexdigest(), "name": "Mapa Łodzi.png"}]
    office.ends(office.runs("send_email", {**MAIL, **more, "files": files}, "<b>4711</b>"), "done")
    (mail,) = office.server.mails
    assert sorted(mail.recipients) == [TO, "bob@example.com", "eve@example.com"]
    assert mail.read["cc"] == "bob@example.com"
    assert b"eve@" not in mail.content
    html = mail.read.get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == "<p>Order &lt;b&gt;4711&lt;/b&gt;</p>"
    (file,) = mail.read.iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == (
        "Mapa Łodzi.png",
        "image/png",
        content,
    )


@pytest.mark.parametrize(
    ("changes", "refused", "kind"),
    [
        ({"credential": "wrong"}, {}, "smtp_auth"),
        ({"credential": "nobody"}, {}, "secret_missing"),
        ({"credential": "chat"}, {}, "secret_missing"),
        ({}, {TO: "550 No such user"}, "bounced"),
        ({"files": [{"file": "0" * 64}]}, {}, "media_unreachable"),
    ],
)
def test_a_final_refusal_is_heard_at_once(
    office: Office, changes: dict[str, Any], refused: dict[str, str], kind: str
) -> None:
    office.server.refused = refused
    office.enter("chat", "chat_webhook", {"url": "https://chat.example.com/hook"})
    office.ends(office.runs("send_email", {**MAIL, **changes}), f"failed: {kind}")
    assert (office.states(), office.server.mails) == (["dead"], [])
    assert kind in office.room.problems()


def test_a_server_that_is_away_is_tried_again_and_meanwhile_the_contact_is_answered(office: Office) -> None:
    office.server.refused = {TO: "451 Come back later"}
    conversation_id = office.runs("send_email", MAIL)
    until(lambda: office.room.column("SELECT failures FROM effects WHERE kind = 'send_email'") == [1], "it was tried")
    office.room.act(conversation_id, "agent_replied", text="One moment")
    until(lambda: office.room.said(conversation_id)[-1:] == ["> One moment"], "people answer")
    assert office.server.mails == []


def test_a_second_attempt_reaches_the_server(office: Office) -> None:
    office.server.refused = {TO: "451 Come back later"}
    conversation_id = office.runs("send_email", MAIL)
    until(
        lambda: office.room.column("SELECT failures FROM effects WHERE kind = 'send_email'") == [1],
        "it was tried",
    )
    office.server.refused = {}
    office.room.move_clock(3)
    office.ends(conversation_id, "done")
    assert len(office.server.mails) == 1


def test_what_is_cut_off_after_the_last_line_is_unknown_and_never_sent_twice(either_office: Office) -> None:
    either_office.server.after_data = "close"
    conversation_id = either_office.runs("send_email", MAIL)
    until(lambda: either_office.states() == ["unknown"], f"nobody knows ({either_office.states()})")
    assert either_office.room.problems() == ["outcome_unknown"]
    either_office.server.after_data = "250 OK"
    either_office.room.move_clock(700)
    either_office.ends(conversation_id, "failed: send_timeout")
    assert (len(either_office.server.mails), either_office.states()) == (1, ["unknown"])


def test_a_process_that_dies_in_the_middle_leaves_it_unknown(office: Office) -> None:
    office.server.refused = {TO: "451 Come back later"}
    office.runs("send_email", MAIL)
    until(lambda: office.room.column("SELECT failures FROM effects WHERE kind = 'send_email'") == [1], "it was tried")
    office.server.refused = {}
    office.room.execute(
        "UPDATE effects SET state = 'sending', sending_at = 0, next_attempt_at = 0 WHERE kind = 'send_email'"
    )
    until(lambda: office.states() == ["unknown"], "nobody knows")
    assert office.server.mails == []


def test_nobody_who_has_opted_out_is_written_to(office: Office) -> None:
    office.room.write("hello", "chat", "anna")
    office.room.execute("UPDATE addresses SET kind = 'email', value = :to, opted_out_at = 1", to=TO)
    office.ends(office.runs("send_email", {**MAIL, "to": ["Anna@example.com".lower()]}), "failed: opted_out")
    assert office.server.mails == []


def test_a_server_that_hangs_is_left_after_its_time_and_holds_up_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "SEND_SECONDS", 0.5)
    office.runs("send_email", {**MAIL, "credential": "silent"})
    until(lambda: office.room.column("SELECT failures FROM effects WHERE kind = 'send_email'") == [1], "it was left")
    error = office.room.column("SELECT error FROM effects WHERE kind = 'send_email'")[0]
    assert error == f"127.0.0.1:{office.account_port('silent')} did not answer within 0.5 seconds."


def test_the_team_is_told_in_its_chat_with_the_address_of_the_run(office: Office) -> None:
    office.link_chat(office.chat.port)
    config = {"by": {"means": "chat", "credential": "team"}, "text": "{{ message.text }} waits"}
    office.ends(office.runs("notify_team", config, "<!channel> & co"), "done")
    (talk,) = office.chat.talks
    run = office.room.column("SELECT id FROM runs")[0]
    link = f"{office.room.house.settings.effective_public_url}/runs/{run}"
    assert json.loads(talk.body) == {"text": f"&lt;!channel&gt; &amp; co waits\n\n{link}"}
    assert (
        talk.headers["idempotency-key"] == office.room.column("SELECT key FROM effects WHERE kind = 'post_to_team'")[0]
    )


def test_a_chat_that_refuses_is_believed_as_far_as_it_tells(office: Office) -> None:
    office.link_chat(office.chat.port)
    answers = {"404 No": "dead", "500 Oops": "unknown", "503 Busy": "queued", "429 Slow": "queued"}
    office.chat.answer = lambda talk: talk.answer(b"", json.loads(talk.body)["text"])
    by = {"means": "chat", "credential": "team"}
    office.runs("notify_team", {"by": by, "text": "{{ message.text }}", "link": False}, "404 No")
    for n, words in enumerate(list(answers)[1:]):
        office.room.write(words, contact=f"+4860010030{n}")
    until(lambda: sorted(office.states()) == sorted(answers.values()), f"{office.states()}")
    assert office.states() == list(answers.values())


def test_the_team_is_told_by_e_mail(office: Office) -> None:
    by = {"means": "email", "credential": "mail", "to": ["team@acme.example"]}
    office.ends(office.runs("notify_team", {"by": by, "text": "{{ message.text }} waits"}, "Anna"), "done")
    (mail,) = office.server.mails
    assert mail.read["subject"] == "Patchbay: PB-10001"
    assert mail.text.startswith("Anna waits\n\nhttp")
    assert mail.read["auto-submitted"] == "auto-generated"


def test_two_workers_hand_over_each_letter_once(either_office: Office) -> None:
    either_office.room.start()
    conversations = [either_office.runs("send_email", MAIL)]
    conversations += [either_office.room.write("4711", contact=f"+4860010030{n}").conversation_id for n in range(9)]
    for one in conversations:
        either_office.ends(one, "done")
    assert len(either_office.server.mails) == 10


def test_many_letters_for_a_server_that_hangs_do_not_hide_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "SEND_SECONDS", 3.0)
    monkeypatch.setattr(runner_letters, "_LOOKED_AT", 2)
    office.runs("send_email", {**MAIL, "credential": "silent"})
    for n in range(5):
        office.room.write("4711", contact=f"+4860010030{n}")
    until(lambda: len(office.states()) == 6, "all are written")
    steps = {"in": starts_with("keys", "it"), "it": placed("send_email", MAIL, success="end")}
    office.room.publish(drawn("Letters", steps))
    office.room.write("4711", contact="+48600100400")
    until(lambda: len(office.server.mails) == 1, "the other server has its mail")
    assert office.room.column("SELECT max(failures) FROM effects WHERE kind = 'send_email'") == [0]


def test_a_letter_whose_mark_has_grown_old_is_marked_anew(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    real, frozen = stored_letters.take, [60.0]

    def take(*arguments: Any) -> Any:
        taken = real(*arguments)
        if taken and frozen:
            office.room.passed_seconds += frozen.pop()  # the process stood still; the database did not
        return taken

    monkeypatch.setattr(stored_letters, "take", take)
    office.ends(office.runs("send_email", MAIL), "done")
    assert len(office.server.mails) == 1
    assert office.room.column("SELECT attempts FROM effects WHERE kind = 'send_email'") == [2]


@pytest.mark.parametrize(("place", "mails"), [("letter:before", 0), ("letter:after", 1)])
def test_a_worker_that_dies_with_a_letter_in_hand_leaves_it_unknown_and_never_sends_it_again(
    office: Office, place: str, mails: int
) -> None:
    died: list[str] = []

    def die(name: str) -> None:
        if name == place:
            died.append(name)
            raise Killed

    set_hook(die)
    office.runs("send_email", MAIL)
    until(lambda: bool(died), "it died")
    assert office.states() == ["sending"]
    office.room.move_clock(3_600)
    until(lambda: office.states() == ["unknown"], "somebody looked again")
    assert (len(office.server.mails), died) == (mails, [place])


def test_who_takes_a_letter_waits_for_no_conversation(postgresql_room: Runtime) -> None:
    room = postgresql_room
    room.publish(drawn("Letters", {"in": starts_with("keys", "it"), "it": placed("send_email", MAIL, success="end")}))
    put = room.write("hello")
    room.execute("UPDATE addresses SET kind = 'email', value = :to, opted_out_at = 1", to=TO)
    turn = finished(room, put.conversation_id)
    with room.house.database.transaction() as session:
        commit(session, [turn.handled])
    (id_,) = room.column("SELECT id FROM effects WHERE kind = 'send_email'")
    with room.house.database.reading() as holding, room.house.database.reading() as taking:
        holding.execute(text("SELECT id FROM conversations FOR UPDATE"))  # as who cancels the letter does
        taking.execute(text("SET LOCAL lock_timeout = 500"))
        (taken,) = stored_letters.take(taking, [id_], 60)
    assert isinstance(taken, Settled)
    assert taken.error_kind == "opted_out"


def rests(office: Office, letters: int) -> bool:
    """Whether so many letters were tried in vain; they are not tried again for an hour."""
    office.room.execute(
        "UPDATE effects SET next_attempt_at = created_at + 3600000000 WHERE state = 'queued' AND failures > 0"
    )
    return office.room.column("SELECT count(*) FROM effects WHERE state = 'queued' AND failures > 0") == [letters]


@pytest.mark.parametrize("ending", ["STOP", "taken over"])
def test_a_letter_of_a_run_that_ends_is_cancelled_but_not_what_tells_the_team(office: Office, ending: str) -> None:
    office.server.refused = {TO: "451 Come back later", "team@acme.example": "451 Come back later"}
    team = {"by": {"means": "email", "credential": "mail", "to": ["team@acme.example"]}, "text": "{{ message.text }}"}
    conversations = [office.runs("send_email", MAIL)]
    until(lambda: rests(office, 1), "it was tried")
    steps = {"in": starts_with("keys", "it"), "it": placed("notify_team", team, success="end")}
    office.room.publish(drawn("Letters", steps))
    conversations.append(office.room.write("4711", contact="+48600100400").conversation_id)
    until(lambda: rests(office, 2), "that was tried too")
    for number, one in enumerate(conversations):
        if ending == "STOP":
            office.room.write("STOP", contact=["+48600100200", "+48600100400"][number])
        else:
            office.room.act(one, "agent_took_over")
    until(lambda: len(office.room.column("SELECT 1 FROM runs WHERE status = 'ended'")) == 2, "both have ended")
    assert office.states() == ["cancelled", "queued"]
