"""The pages for people as pictures show them: empty, usual, overfull and failed."""

from collections.abc import Callable
from typing import Final

from playwright.sync_api import Page

from app.accounts.audit import note_act
from app.accounts.first_link import make_first_link
from app.accounts.invitations import invite
from app.accounts.people import Actor, Newcomer, add_person, find_person
from app.accounts.roles import ROLES, Role
from app.accounts.tokens import Maker, create_token
from tests.app.people_house import PASSWORD, stored_password
from tests.browser.live_chat import Server
from tests.chat_house import ChatHouse

LONG_NAME: Final = "Aleksandra Wiśniewska-Konstantynopolitańczykowianeczka Müller"
LONG_EMAIL: Final = "donaudampfschifffahrtsgesellschaftskapitaen@konstantynopolitanczykowianeczka.example.com"
OWNER: Final = Actor("ada@example.com", ROLES[Role.OWNER])
MACHINE: Final = Actor("pictures", ROLES[Role.OWNER])  # whose links hold although nobody is here
USUAL: Final = (
    ("jan@example.com", "Jan Nowak", Role.ADMIN),
    ("ewa@example.com", "Ewa Kowalska", Role.PUBLISHER),
    ("piotr@example.com", "Piotr Zieliński", Role.AUTHOR),
    ("olga@example.com", "Ольга Иванова", Role.SUPERVISOR),
    ("sam@example.com", "Sam Lee", Role.AGENT),
)
Scene = Callable[[Page, ChatHouse, Server], None]


def signed_in(page: Page, chat: ChatHouse, server: Server, email: str = "ada@example.com") -> None:
    """Signs in as the owner, who is made when there is nobody."""
    with chat.house.database.transaction() as session:
        if find_person(session, email) is None:
            add_person(session, Newcomer(email, "Ada Lovelace", ""), stored_password(), Role.OWNER)
    page.goto(f"{server.address}/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Hello").wait_for()


def sign_in(page: Page, chat: ChatHouse, server: Server) -> None:
    """Before anything is entered."""
    page.goto(f"{server.address}/sign-in")


def sign_in_failed(page: Page, chat: ChatHouse, server: Server) -> None:
    """The wrong password."""
    page.goto(f"{server.address}/sign-in")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()


def first_owner(page: Page, chat: ChatHouse, server: Server) -> None:
    """The one-time link of the first start."""
    with chat.house.database.transaction() as session:
        secret = make_first_link(session, "pictures")
    page.goto(f"{server.address}/first/{secret}")
    page.get_by_role("button", name="Become the owner").wait_for()


def first_owner_gone(page: Page, chat: ChatHouse, server: Server) -> None:
    """A link that was used, or is too old."""
    page.goto(f"{server.address}/first/used")


def invitation(page: Page, chat: ChatHouse, server: Server) -> None:
    """What somebody sees who was invited, with a password that is too short."""
    with chat.house.database.transaction() as session:
        _, secret = invite(session, "jan@example.com", Role.SUPERVISOR, MACHINE)
    page.goto(f"{server.address}/invitation/{secret}")
    page.get_by_label("Your name").fill("Jan Nowak")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Join").click()
    page.get_by_text("at least 10 characters").wait_for()


def start(page: Page, chat: ChatHouse, server: Server) -> None:
    """Where one arrives."""
    signed_in(page, chat, server)


def people_empty(page: Page, chat: ChatHouse, server: Server) -> None:
    """Only the owner."""
    signed_in(page, chat, server)
    page.goto(f"{server.address}/people")


def people_usual(page: Page, chat: ChatHouse, server: Server) -> None:
    """Some colleagues, and a link that was just made."""
    signed_in(page, chat, server)
    _add_usual(chat)
    page.goto(f"{server.address}/people")
    page.get_by_label("E-mail address").fill("tomek@example.com")
    page.get_by_role("button", name="Make the link").click()
    page.get_by_label("The link").wait_for()


def people_menu(page: Page, chat: ChatHouse, server: Server) -> None:
    """The menu of a person."""
    signed_in(page, chat, server)
    _add_usual(chat)
    page.goto(f"{server.address}/people")
    page.get_by_label("More about Ewa Kowalska").click()


def people_overfull(page: Page, chat: ChatHouse, server: Server, rows: int = 210) -> None:
    """Two hundred and more with names of sixty letters."""
    signed_in(page, chat, server)
    with chat.house.database.transaction() as session:
        for number in range(rows):
            newcomer = Newcomer(f"{number}.{LONG_EMAIL}", LONG_NAME, "")
            add_person(session, newcomer, "no password", list(Role)[number % 7])
        for number in range(5):
            invite(session, f"invited{number}.{LONG_EMAIL}", Role.SUPERVISOR, OWNER)
    page.goto(f"{server.address}/people")


def people_failed(page: Page, chat: ChatHouse, server: Server) -> None:
    """Somebody who is here already."""
    signed_in(page, chat, server)
    _add_usual(chat)
    page.goto(f"{server.address}/people")
    page.get_by_label("E-mail address").fill("jan@example.com")
    page.get_by_role("button", name="Make the link").click()
    page.get_by_text("is here already").wait_for()


def tokens_empty(page: Page, chat: ChatHouse, server: Server) -> None:
    """None yet."""
    signed_in(page, chat, server)
    page.goto(f"{server.address}/tokens")


def tokens_usual(page: Page, chat: ChatHouse, server: Server) -> None:
    """Three, and one that was just made."""
    signed_in(page, chat, server)
    with chat.house.database.transaction() as session:
        create_token(session, "deploy", "command line")
        create_token(session, LONG_NAME, Maker("ada@example.com", person_id=1), ["read_flows", "publish_flows"])
    page.goto(f"{server.address}/tokens")
    page.get_by_label("Name", exact=True).fill("reports")
    page.get_by_label("Read runs and problems").check()
    page.get_by_role("button", name="Make the token").click()
    page.get_by_label("The token").wait_for()


def audit(page: Page, chat: ChatHouse, server: Server) -> None:
    """A day's work."""
    signed_in(page, chat, server)
    _add_usual(chat)
    with chat.house.database.transaction() as session:
        for who, did, what in (
            ("jan@example.com", "publish", "VIP calls version 4"),
            ("nobody", "fail_sign_in", "from 203.0.113.7"),
            ("ewa@example.com", "take_over", "PB-10482"),
            ("deploy", "export_flow", "VIP messages"),
            (LONG_EMAIL, "change_credential", f"crm for https://{LONG_EMAIL.partition('@')[2]}"),
        ):
            note_act(session, who, did, what)
    page.goto(f"{server.address}/audit")


def api(page: Page, chat: ChatHouse, server: Server) -> None:
    """Every door of the API."""
    signed_in(page, chat, server)
    page.goto(f"{server.address}/api")


def account(page: Page, chat: ChatHouse, server: Server) -> None:
    """One's own account with a wrong present password."""
    signed_in(page, chat, server)
    page.goto(f"{server.address}/account")
    page.get_by_label("Present password").fill("wrong")
    page.get_by_label("New password").fill("another good password")
    page.get_by_role("button", name="Change the password").click()
    page.get_by_text("is not right").wait_for()


def _add_usual(chat: ChatHouse) -> None:
    with chat.house.database.transaction() as session:
        for email, name, role in USUAL:
            add_person(session, Newcomer(email, name, ""), "no password", role)
        invite(session, "kasia@example.com", Role.AGENT, OWNER)


SCENES: Final[dict[str, Scene]] = {
    "sign-in": sign_in,
    "sign-in-failed": sign_in_failed,
    "first-link": first_owner,
    "first-link-gone": first_owner_gone,
    "invitation": invitation,
    "start": start,
    "people-empty": people_empty,
    "people-usual": people_usual,
    "people-menu": people_menu,
    "people-overfull": people_overfull,
    "people-failed": people_failed,
    "tokens-empty": tokens_empty,
    "tokens-usual": tokens_usual,
    "audit": audit,
    "api": api,
    "account": account,
}
