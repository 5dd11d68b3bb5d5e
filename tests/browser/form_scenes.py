"""The web form as pictures show it: empty, with something wrong, overfull, and sent."""

from typing import Any, Final

from playwright.sync_api import Page

from app.db import now
from app.models import Connection, Number
from flows.values import canonical_json
from tests.browser.live_chat import Server
from tests.browser.people_scenes import LONG_EMAIL, LONG_NAME, Scene
from tests.chat_house import ChatHouse

USUAL: Final[dict[str, Any]] = {
    "title": "Acme",
    "introduction": {"en": "Tell us what it is about. On working days we answer within four hours."},
    "thanks": {"en": "On working days we answer within four hours."},
    "categories": ["Invoices", "Technical support", "Something else"],
}
LONG_WORDS: Final = "Konstantynopolitańczykowianeczka Donaudampfschifffahrtsgesellschaftskapitänsmützenbestellung "


def open_form(page: Page, chat: ChatHouse, server: Server, settings: dict[str, Any]) -> None:
    """Makes the form and opens its page."""
    with chat.house.database.transaction() as session:
        at = now(session)
        connection = Connection(name="form", kind="web_form", settings="{}", created_at=at)
        session.add(connection)
        session.flush()
        text = canonical_json(settings)
        session.add(Number(name="contact", connection_id=connection.id, value="contact", settings=text, created_at=at))
    page.goto(f"{server.address}/forms/contact?language=en")


def form_empty(page: Page, chat: ChatHouse, server: Server) -> None:
    """As simple as it can be: no words of its own, no categories."""
    open_form(page, chat, server, {})


def form_usual(page: Page, chat: ChatHouse, server: Server) -> None:
    """With an introduction and categories, half filled in."""
    open_form(page, chat, server, USUAL)
    page.get_by_label("Your name").fill("Anna Kowalska")
    page.get_by_label("E-mail address").fill("anna@example.com")


def form_failed(page: Page, chat: ChatHouse, server: Server) -> None:
    """Everything that can be wrong is."""
    open_form(page, chat, server, USUAL)
    page.get_by_label("E-mail address").fill("anna")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").wait_for()


def form_overfull(page: Page, chat: ChatHouse, server: Server) -> None:
    """Names of sixty letters, long words, fifty categories, and something wrong."""
    categories = [f"{LONG_NAME} {n}" for n in range(50)]
    full = {**USUAL, "title": LONG_NAME, "introduction": {"en": LONG_WORDS * 4}, "categories": categories}
    open_form(page, chat, server, full)
    page.get_by_label("Your name").fill(LONG_NAME)
    page.get_by_label("E-mail address").fill(LONG_EMAIL)
    page.get_by_label("What is it about?").select_option(index=7)
    page.get_by_label("Your message").fill(" ")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").wait_for()


def form_sent(page: Page, chat: ChatHouse, server: Server) -> None:
    """It is here."""
    form_usual(page, chat, server)
    page.get_by_label("What is it about?").select_option("Invoices")
    page.get_by_label("Your message").fill("Where is the invoice of October?")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("PB-1").wait_for()


SCENES: Final[dict[str, Scene]] = {
    "form-empty": form_empty,
    "form-usual": form_usual,
    "form-failed": form_failed,
    "form-overfull": form_overfull,
    "form-sent": form_sent,
}
