"""A mailbox beside a real IMAP and a real SMTP server: every mail once, in its conversation, no robot answered."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import inbox
from app.channels import web_form
from app.channels.web_form import FilledIn
from app.config import Settings
from app.credentials import read_credential
from app.db import now
from app.directory import seal_secrets
from app.mail import imap as imap_client
from app.models import Connection, Number, Queue
from app.points import set_hook
from app.runner import threads
from app.seeding import EXAMPLES
from flows.values import canonical_json
from tests.app.drawn import drawn, placed, sends, starts_with
from tests.app.imap_server import PASSWORD, USER, ImapServer, imap_server
from tests.app.post import ANNA, BOB, OURS, Post, a_post, mail
from tests.app.processes import Killed, until
from tests.app.smtp_server import enter_credential

DOCX = b"PK\x03\x04" + bytes(40)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as made:
        yield made


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look as soon as they are woken."""
    monkeypatch.setattr(threads, "_EVERY_SECONDS", 0.0)


@pytest.fixture
def post(sqlite_url: str, data_folder: Path, doubles: None, imap: ImapServer) -> Iterator[Post]:
    with a_post(
        Settings.from_environment({"DATABASE_URL": sqlite_url, "PATCHBAY_DATA": str(data_folder)}), imap
    ) as made:
        yield made


@pytest.fixture
def either_post(runtime_settings: Settings, doubles: None, imap: ImapServer) -> Iterator[Post]:
    """The same on both databases, where what is stored matters most."""
    with a_post(runtime_settings, imap) as made:
        yield made


def test_a_mail_begins_a_conversation_and_is_answered_in_its_thread(either_post: Post) -> None:
    post = either_post
    post.answers()
    post.gets(mail("Where is it?", "Order 4711", Message_ID="<first@example.com>"))
    assert post.said() == {"PB-10001": ["Order 4711\n\nWhere is it?", "> We look into it."]}
    (answer,) = post.smtp.mails
    assert (answer.sender, answer.recipients) == (OURS, [ANNA])
    assert answer.read["subject"] == "Re: Order 4711 [PB-10001]"
    assert answer.read["in-reply-to"] == "<first@example.com>"
    assert answer.read["auto-submitted"] == "auto-generated"
    assert post.imap.flags() == ["\\Seen"]
    assert post.room.column("SELECT name FROM contacts") == ["Anna Nowak"]


def test_the_example_makes_a_request_of_every_mail_in_the_queue_of_its_category(post: Post) -> None:
    example = json.loads((EXAMPLES / "requests.json").read_text(encoding="utf-8"))
    example["steps"]["request"]["config"]["numbers"] = ["post"]
    with post.room.house.database.transaction() as session:
        session.add_all(
            Queue(name=name, title="", created_at=now(session)) for name in ("technical-support", "invoices")
        )
    post.room.publish(example)
    post.gets(mail("Nothing prints", "PILNE: awaria"), mail("Please send it again", "Invoice 12/2026", BOB))
    until(lambda: len(post.smtp.mails) == 2, "both are confirmed")
    until(lambda: len(post.room.entries()) == 2, "people have both")
    rows = post.room.rows("SELECT category, tags, priority FROM conversations c JOIN queue_entries e"
                          " ON e.conversation_id = c.id ORDER BY c.id")  # fmt: skip
    assert sorted(post.room.entries()) == [("invoices", "waiting"), ("technical-support", "waiting")]
    assert [(row["category"], row["tags"], row["priority"]) for row in rows] == [
        ("Technical support", '["urgent"]', -10),
        ("Administration / Invoices", "[]", 0),
    ]
    confirmed = {str(one.read["subject"]): one for one in post.smtp.mails}
    assert confirmed["Re: Invoice 12/2026 [PB-10002]"].recipients == [BOB]
    assert "request PB-10001" in confirmed["Re: PILNE: awaria [PB-10001]"].text


def test_an_agents_answer_is_no_robots(post: Post) -> None:
    post.gets(mail("Where is it?"))
    post.room.act(1, "agent_replied", text="On its way")
    until(lambda: len(post.smtp.mails) == 1, "it left")
    assert post.smtp.mails[0].read["auto-submitted"] is None


def test_a_reply_of_somebody_else_finds_the_conversation_by_our_message_id_only(post: Post) -> None:
    post.answers()
    post.gets(mail("Where is it?"))
    ours = str(post.smtp.mails[0].read["message-id"])
    forged = ours.replace("<1.", "<2.") if ours.startswith("<1.") else ours[:-20] + "0@acme.example>"
    post.gets(
        mail("I know more", "Re: Order", BOB, In_Reply_To=ours),
        mail("Let me in", "Re: Order [PB-10001]", "eve@example.com", In_Reply_To=forged),
    )
    said = post.said()
    assert f"<{BOB}>:\n\nI know more" in said["PB-10001"]
    assert said["PB-10002"][0] == "Let me in"


def test_mails_of_a_thread_find_each_other_and_so_does_a_reference_of_the_contacts_own(post: Post) -> None:
    post.gets(mail("Where is it?", Message_ID="<first@example.com>"))
    post.gets(mail("Me too", "Re: Order", BOB, References="<first@example.com>"))
    post.gets(mail("And mine?", "Re: Order [PB-10001]"))
    assert post.said() == {"PB-10001": ["Order\n\nWhere is it?", f"<{BOB}>:\n\nMe too", "And mine?"]}


AUTOMATIC = [
    {"Auto_Submitted": "auto-replied"},
    {"Auto_Submitted": "auto-generated (vacation)"},
    {"List_Id": "<news.example.com>"},
    {"Precedence": "bulk"},
    {"X_Auto_Response_Suppress": "All"},
    {"X_Autoreply": "yes"},
]


def test_what_a_program_wrote_is_shown_and_begins_nothing(post: Post) -> None:
    post.answers()
    post.gets(
        *(mail("I am away", f"Out {n}", f"c{n}@example.com", **headers) for n, headers in enumerate(AUTOMATIC)),
        mail("round and round", sender=OURS),
        mail("Hello", Auto_Submitted="no"),
    )
    said = list(post.said().values())
    assert said[:-1] == [*([f"Out {n}\n\nI am away"] for n in range(len(AUTOMATIC))), ["Order\n\nround and round"]]
    assert said[-1] == ["Order\n\nHello", "> We look into it."]
    assert [one.recipients for one in post.smtp.mails] == [[ANNA]]
    assert set(post.room.column("SELECT state FROM conversations")) == {"closed"}
    assert post.room.outcomes() == ["completed"]


def bounce_of(message_id: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """A delivery report as mail servers write it (RFC 3464, appendix E)."""
    return (
        "From: Mail Delivery System <mailer-daemon@mx.example.com>\r\n"
        f"To: {OURS}\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nI could not deliver your mail.\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; {ANNA}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1\r\n no such user\r\n\r\n"
        f"--B\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\nMessage-ID: {message_id}\r\n\r\n--B--\r\n"
    ).encode()


def test_a_bounce_settles_our_message_and_starts_no_run(post: Post) -> None:
    post.answers()
    post.gets(mail("Where is it?"))
    ours = str(post.smtp.mails[0].read["message-id"])
    post.gets(bounce_of(ours, "delayed", "4.4.1"), bounce_of("<1.1.1.0.00000000000000000000@acme.example>"))
    assert post.room.column("SELECT rank FROM messages WHERE direction = 'out'") == [4]
    assert post.room.problems() == []
    post.gets(bounce_of(ours))
    assert post.room.column("SELECT rank FROM messages WHERE direction = 'out'") == [5]
    error = post.room.column("SELECT error FROM messages WHERE direction = 'out'")[0]
    assert error == f"{ANNA} could not be reached: smtp; 550 5.1.1 no such user"
    assert (post.room.problems(), len(post.room.outcomes())) == (["bounced"], 1)
    assert post.room.entries() == [("people", "waiting")]
    assert len(post.smtp.mails) == 1


def test_a_bounced_e_mail_of_a_step_is_shown_and_people_get_the_conversation(post: Post) -> None:
    account = {"host": "127.0.0.1", "port": str(post.smtp.port), "mode": "none", "user": USER, "secret": PASSWORD}
    enter_credential(post.room, read_credential("mail", "smtp", (), {**account, "sender": OURS}))
    config = {"credential": "mail", "to": [ANNA], "subject": {"en": "Hi"}, "text": {"en": "Hello"}}
    steps = {"in": starts_with("keys", "it"), "it": placed("send_email", config, success="end")}
    post.room.publish(drawn("Letters", steps))
    post.room.start()
    post.room.write("hello", "keys")
    until(lambda: len(post.smtp.mails) == 1, "it left")
    post.gets(bounce_of(str(post.smtp.mails[0].read["message-id"])))
    assert post.room.column("SELECT state FROM effects WHERE kind = 'send_email'") == ["dead"]
    assert (post.room.problems(), post.room.entries()) == (["bounced"], [("people", "waiting")])


def test_files_are_kept_and_what_nobody_should_open_is_named_only(post: Post) -> None:
    made = mail("See the files")
    made.add_attachment(PNG, maintype="image", subtype="png", filename="../../Łódź\u202e.png")
    made.add_attachment(DOCX, maintype="application", subtype="msword", filename="offer.docx")
    made.add_attachment(b"MZ" + bytes(50), maintype="application", subtype="octet-stream", filename="run.exe")
    post.gets(made)
    media = post.room.column("SELECT media FROM messages")[0]
    assert '"name":"not accepted: run.exe"' in media
    assert '"name":"Łódź.png"' in media
    stored = post.room.rows("SELECT name, media_type FROM files ORDER BY id")
    assert [tuple(row.values()) for row in stored] == [
        ("Łódź.png", "image/png"),
        ("offer.docx", "application/octet-stream"),
    ]


def test_taken_mail_is_moved_where_the_operator_wants_it(post: Post) -> None:
    post.change(taken_folder="Taken")
    post.gets(mail("one"), mail("two", "Other", BOB))
    assert (post.imap.flags(), post.imap.flags("Taken")) == ([], ["\\Seen", "\\Seen"])


@pytest.mark.parametrize("place", ["mail:before", "mail:kept"])
def test_a_worker_that_dies_with_a_mail_in_hand_neither_loses_nor_doubles_it(post: Post, place: str) -> None:
    died: list[str] = []

    def die_once(name: str) -> None:
        if name == place and not died:
            died.append(name)
            raise Killed

    set_hook(die_once)
    post.imap.deliver(mail("Where is it?").as_bytes())
    post.room.start()
    until(lambda: bool(died), "it died")
    assert post.imap.flags() == [""]
    post.room.execute("UPDATE mailboxes SET next_look_at = 0")  # its lease would have ended by itself
    post.look()
    assert list(post.said().values()) == [["Order\n\nWhere is it?"]]
    assert post.imap.flags() == ["\\Seen"]
    post.imap.unsee()
    post.look()
    assert len(post.room.rows("SELECT id FROM messages")) == 1


def test_two_workers_look_once(post: Post) -> None:
    post.room.start()
    post.room.start()
    post.gets(*(mail(str(n), f"Order {n}", f"c{n}@example.com") for n in range(5)))
    assert len(post.said()) == 5
    assert post.room.column("SELECT count(*) FROM mails") == [5]


@pytest.mark.parametrize(("wrong", "why"), [("not it", ""), ("not it\r\nx LOGOUT", "it holds a line break")])
def test_a_wrong_password_is_shown_on_the_errors_page_after_three_looks(post: Post, wrong: str, why: str) -> None:
    post.room.execute(
        "UPDATE connections SET sealed = :sealed WHERE name = 'post'",
        sealed=seal_secrets("post", {"password": wrong}, post.room.house.key),
    )
    post.room.start()
    for failures in (1, 2, 3):
        until(lambda failures=failures: post.room.column("SELECT failures FROM mailboxes") == [failures], "it failed")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        post.room.execute("UPDATE mailboxes SET next_look_at = 0")
    until(lambda: post.room.problems() == ["mailbox_unreachable"], "people see it")
    assert "refuses the user name or the password" in post.problem()
    assert why in post.problem()
    assert PASSWORD not in post.problem()


HOSTILE = [
    b"\r\n\r\n",
    b"From: \xff\xfe\r\nSubject: =?utf-8?b?!!!?=\r\n\r\n\xff\x00\xfe",
    b"From: anna@example.com\r\nContent-Type: text/plain; charset=klingon\r\n\r\nnuqneH",
    b"From: anna@example.com\r\nContent-Type: multipart/mixed\r\n\r\nno boundary",
    b'From: anna@example.com\r\nContent-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n' * 300,
    b"From: anna@example.com\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    b"From: anna@example.com\r\nMessage-ID: " + b"<" * 5_000 + b"\r\nReferences: " + b"<a@b> " * 5_000 + b"\r\n\r\nhi",
    b"From: anna@example.com\r\nSubject: x\r\n\r\n" + b"x" * 30_000,
    b"From: anna@example.com\r\nContent-Type: text/html\r\n\r\n" + b"<div>" * 20_000 + b"hi",
    b"From: anna@example.com\r\nContent-Disposition: attachment; filename*=utf-8''%FF%FE\r\n\r\nhi",
]


def test_broken_mails_are_all_there_and_do_not_stop_the_others(either_post: Post) -> None:
    either_post.gets(*HOSTILE, mail("fine", sender=BOB))
    assert either_post.room.column("SELECT count(*) FROM mails") == [len(HOSTILE) + 1]
    assert either_post.imap.flags() == ["\\Seen"] * (len(HOSTILE) + 1)
    assert any(said == ["Order\n\nfine"] for said in either_post.said().values())


def test_a_reply_to_a_forms_answer_goes_on_in_the_forms_conversation(post: Post) -> None:
    settings = {
        "smtp_host": "127.0.0.1",
        "smtp_port": post.smtp.port,
        "smtp_mode": "none",
        "user": USER,
        "sender": OURS,
    }
    with post.room.house.database.transaction() as session:
        at = now(session)
        connection = Connection(name="form", kind="web_form", settings=canonical_json(settings), created_at=at)
        connection.sealed = seal_secrets("form", {"password": PASSWORD}, post.room.house.key)
        session.add(connection)
        session.flush()
        number = Number(name="form", connection_id=connection.id, value="form", created_at=at)
        session.add(number)
        session.flush()
        post.room.numbers["form"] = number
        filled_in = FilledIn("k", "Anna", ANNA, "", "Where is it?", "en")
        inbox.put(session, connection.id, web_form.arrival("form", filled_in))
    post.room.publish(drawn("Form", {"in": starts_with("form", "out"), "out": sends("Which one?")}))
    post.room.start()
    until(lambda: len(post.smtp.mails) == 1, "it left")
    ours = str(post.smtp.mails[0].read["message-id"])
    post.gets(mail("The red one", "Re: Which one? [PB-10001]", In_Reply_To=ours))
    assert post.said()["PB-10001"][:3] == ["Where is it?", "> Which one?", "The red one"]
    assert len(post.said()) == 1


def test_of_a_mail_that_is_too_large_the_beginning_is_there(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_client, "LARGEST_MAIL_BYTES", 2_000)
    monkeypatch.setattr(imap_client, "_BEGINNING_BYTES", 1_000)
    post.gets(mail("A line of words.\n" * 500))
    ((said,),) = post.said().values()
    assert said.startswith("Order\n\nA line of words.")
    assert said.endswith("the whole lies in the mailbox.)")
    assert len(said) < 1_500
