"""Forms: each one sent becomes a conversation with a reference and a category, once, and strangers can do no more."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Settings
from app.contacts.changing import create
from app.db import now
from app.directory import seal_secrets
from app.models import Connection, Number
from app.starts import Ordered, start
from app.web import create_app, forms
from app.web.form_words import WORDS
from app.web.rates import Rates
from flows.values import canonical_json
from tests.app.drawn import drawn, placed, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import until
from tests.app.smtp_server import PASSWORD, USER, SmtpServer, smtp_server

SHOP = "https://shop.example.com"
CATEGORIES = ["Invoices", "Technical support / Printers"]
FILLED_IN = {"name": "Anna Nowak", "email": "Anna@Example.com", "category": CATEGORIES[0], "text": "Where is it?"}
NO_HEADERS: Mapping[str, str] = {}
KEY = re.compile(r'name="key" value="([^"]+)"')


class Office:
    """A house with a form that answers by mail."""

    def __init__(self, room: Runtime, smtp: SmtpServer) -> None:
        self.room, self.smtp = room, smtp
        app = create_app(room.house)
        self.rates = app.extensions[forms._RATES]
        self.client: FlaskClient = app.test_client(use_cookies=False)
        settings = {"smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_mode": "none", "user": USER}
        form = {"title": "Acme", "categories": CATEGORIES, "allowed_origins": [SHOP], "thanks": {"en": "<b>Soon</b>"}}
        with room.house.database.transaction() as session:
            at = now(session)
            row = Connection(name="form", kind="web_form", settings="{}", created_at=at)
            row.settings = canonical_json({**settings, "sender": "desk@acme.example"})
            row.sealed = seal_secrets("form", {"password": PASSWORD}, room.house.key)
            session.add(row)
            session.flush()
            number = Number(name="contact", connection_id=row.id, value="contact", created_at=at)
            number.settings = canonical_json(form)
            session.add(number)
            session.flush()
            room.numbers["contact"] = number

    def key(self) -> str:
        """The key of a page that was just loaded."""
        found = KEY.search(self.client.get("/forms/contact").text)
        assert found
        return found[1]

    def post(self, headers: Mapping[str, str] = NO_HEADERS, **changes: Any) -> TestResponse:
        """Somebody sends the form from our page."""
        data = {"key": self.key(), **FILLED_IN, **changes} if "key" not in changes else {**FILLED_IN, **changes}
        return self.client.post("/forms/contact", data=data, headers={"Origin": "http://localhost", **headers})

    def count(self) -> int:
        return len(self.room.rows("SELECT id FROM messages WHERE direction = 'in'"))


@pytest.fixture
def office(sqlite_url: str, data_folder: Any, doubles: None) -> Iterator[Office]:
    with smtp_server() as smtp:
        settings = Settings.from_environment({"DATABASE_URL": sqlite_url, "PATCHBAY_DATA": str(data_folder)})
        with runtime(settings, allowed_private_hosts=frozenset({("127.0.0.1", smtp.port)})) as room:
            yield Office(room, smtp)


def test_a_form_becomes_a_conversation_and_is_confirmed_with_its_reference(office: Office) -> None:
    answer = office.post()
    assert answer.status_code == 303
    page = office.client.get(answer.headers["Location"])
    assert "PB-10001" in page.text
    assert "&lt;b&gt;Soon&lt;/b&gt;" in page.text
    found = office.room.one("SELECT category, state FROM conversations")
    assert (found["category"], found["state"]) == (CATEGORIES[0], "open")
    contact = office.room.one("SELECT k.name, a.kind, a.value FROM contacts k JOIN addresses a ON a.contact_id = k.id")
    assert tuple(contact.values()) == ("Anna Nowak", "email", "anna@example.com")


def test_the_flow_knows_the_category_and_its_answer_leaves_by_mail(office: Office) -> None:
    says = sends("About {{ message.choice }}: soon")
    office.room.publish(drawn("Form", {"in": starts_with("contact", "out"), "out": says}))
    office.post()
    office.room.start()
    until(lambda: len(office.smtp.mails) == 1, "it left")
    (mail,) = office.smtp.mails
    assert (mail.sender, mail.recipients, mail.text) == (
        "desk@acme.example",
        ["anna@example.com"],
        "About Invoices: soon",
    )
    assert str(mail.read["subject"]).endswith("[PB-10001]")


def test_whose_address_was_written_in_capitals_is_the_same_contact(office: Office) -> None:
    called = placed("api_call", {"numbers": ["contact"]}, next="out")
    office.room.publish(drawn("Shipping", {"api": called, "out": sends("Shipped")}))
    with office.room.house.database.transaction() as session:
        flow = office.room.one("SELECT id FROM flows")["id"]
        start(session, Ordered(flow, "contact", "ANNA@Example.com", {}, "k1"))
        create(session, {"name": "Bob", "email": "Bob@Example.com"}, "tests")
    office.post()
    office.post(email="bob@example.com")
    assert office.room.column("SELECT value FROM addresses ORDER BY id") == ["anna@example.com", "bob@example.com"]
    assert office.count() == 2


def test_a_form_sent_twice_is_there_once(office: Office) -> None:
    key = office.key()
    first, second = office.post(key=key), office.post(key=key)
    assert (first.status_code, second.status_code, office.count()) == (303, 303, 1)
    assert first.headers["Location"] == second.headers["Location"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"email": "anna"}, "email_wrong"),
    ({"email": "anna@example.com\nBcc: all@example.com"}, "email_wrong"),
    ({"category": ""}, "category_wrong"),
    ({"category": "Anything"}, "category_wrong"),
    ({"text": "  "}, "text_wrong"),
    ({"text": "x" * 20_001}, "text_long"),
    ({"key": "1.forged.mac"}, "expired"),
]


def test_what_is_wrong_is_said_and_what_was_written_stays(office: Office) -> None:
    for changes, word in WRONG:
        answer = office.post(**changes)
        assert (changes, answer.status_code) == (changes, 422)
        assert WORDS["en"][word] in answer.text
        assert 'value="Anna Nowak"' in answer.text
    assert office.count() == 0


def test_what_was_written_is_only_ever_text(office: Office) -> None:
    page = office.post(name='"><script>alert(1)</script>', text="</textarea><img src=x>", email="x").text
    assert "<script" not in page
    assert "<img" not in page


def test_programs_that_fill_in_everything_are_thanked_and_forgotten(office: Office) -> None:
    answer = office.post(website="https://spam.example.com")
    assert (answer.status_code, office.count()) == (200, 0)
    assert WORDS["en"]["thanks"] in answer.text


def test_only_allowed_sites_post_their_own_forms(office: Office) -> None:
    def sends_from(**origin: str) -> TestResponse:
        headers = {"Accept": "application/json", **origin}
        return office.client.post("/forms/contact", data=FILLED_IN, headers=headers)

    for origin in ("https://elsewhere.example.net", "null", "https://shop.example.com.evil.net"):
        assert sends_from(Origin=origin).status_code == 403
    assert sends_from().status_code == 403
    assert office.count() == 0
    for origin in (SHOP, "http://localhost"):
        answer = sends_from(Origin=origin)
        assert (answer.status_code, answer.get_json()) == (201, {"reference": "PB-10001"})
        assert answer.headers.get("Access-Control-Allow-Origin") == (SHOP if origin == SHOP else None)


def test_a_program_hears_which_field_is_wrong(office: Office) -> None:
    headers = {"Accept": "application/json", "Origin": SHOP}
    answer = office.client.post("/forms/contact", data={**FILLED_IN, "email": "x"}, headers=headers)
    assert answer.get_json()["details"] == {"fields": {"email": WORDS["en"]["email_wrong"]}}


def test_too_many_forms_at_once_are_not_taken(office: Office) -> None:
    office.rates["email"] = Rates(per_second=0.001, burst=2)
    answers = [office.post(key="", headers={"Origin": SHOP}).status_code for _ in range(3)]
    assert (answers, office.count()) == ([303, 303, 429], 2)
    assert office.post(key="", headers={"Origin": SHOP}, email="bob@example.com").status_code == 303


def test_the_page_runs_nothing_and_only_allowed_sites_show_it(office: Office) -> None:
    page = office.client.get("/forms/contact")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; style-src 'nonce-" in policy
    assert f"frame-ancestors 'self' {SHOP}" in policy
    assert "<script" not in page.text
    assert "style=" not in page.text
    framed = {"Sec-Fetch-Dest": "iframe", "Referer": "https://elsewhere.example.net/"}
    assert office.client.get("/forms/contact", headers=framed).status_code == 403


def test_the_page_speaks_the_languages_of_its_visitors(office: Office) -> None:
    for language, words in WORDS.items():
        page = office.client.get("/forms/contact", headers={"Accept-Language": language})
        assert f'<html lang="{language}">' in page.text
        assert words["heading"] in page.text


def test_every_language_has_every_word() -> None:
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}


def test_what_is_no_form_is_not_there(office: Office) -> None:
    for method, path in (("GET", "/forms/nobody"), ("POST", "/forms/nobody"), ("GET", "/forms/keys")):
        answer = office.client.open(path, method=method, data=FILLED_IN if method == "POST" else None)
        assert (answer.status_code, "There is no form here" in answer.text) == (404, True)


def test_a_confirmation_cannot_be_made_up(office: Office) -> None:
    assert "PB-99999" not in office.client.get("/forms/contact?done=PB-99999.x").text


def test_a_form_without_a_mail_server_says_why_nothing_is_answered(office: Office) -> None:
    office.room.execute("UPDATE connections SET settings = '{}' WHERE name = 'form'")
    answering = placed("send_message", {"text": {"en": "Soon"}}, success="end")
    office.room.publish(drawn("Form", {"in": starts_with("contact", "out"), "out": answering}))
    office.post()
    office.room.start()
    until(lambda: "channel_disconnected" in office.room.problems(), f"it is shown ({office.room.problems()})")
