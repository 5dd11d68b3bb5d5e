"""People for tests: a seeded installation, persons of any role, and browsers that keep their cookie."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.accounts.passwords import hashed
from app.accounts.people import Newcomer, add_person
from app.config import Settings
from app.models import Person
from app.web import create_app
from tests.app.seeded import Seeded, seeded

PASSWORD = "correct horse battery"


@lru_cache(maxsize=1)
def stored_password() -> str:
    """PASSWORD as the table has it, hashed once for all tests."""
    return hashed(PASSWORD)


@dataclass
class Browser:
    """A browser: it keeps cookies, and fills in the hidden field of forms."""

    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        """Opens a page."""
        return self.client.get(path)

    def post(self, path: str, page: str = "", **fields: str) -> TestResponse:
        """Sends the form of a page, by default of the account's."""
        found = re.search(r'name="csrf" value="(\w+)"', self.client.get(page or "/account").text)
        return self.client.post(path, data={**fields, "csrf": found[1] if found else ""})

    def sign_in(self, email: str, password: str = PASSWORD, address: str = "203.0.113.7") -> TestResponse:
        """The form of the sign-in page."""
        from_there = {"REMOTE_ADDR": address}
        return self.client.post("/sign-in", data={"email": email, "password": password}, environ_overrides=from_there)


@dataclass
class PeopleHouse:
    """The installation."""

    installation: Seeded
    app: Flask

    def browser(self) -> Browser:
        """A new browser."""
        return Browser(self.app.test_client())

    def person(self, name: str, role: str = "owner") -> int:
        """Somebody called ada has the address ada@example.com; the person's number."""
        newcomer = Newcomer(f"{name}@example.com", name.capitalize(), PASSWORD)
        with self.installation.house.database.transaction() as session:
            return add_person(session, newcomer, stored_password(), role).id

    def person_number(self, name: str) -> int:
        """The number of somebody who is here."""
        rows = self.installation.rows("SELECT id FROM people WHERE email = :it", it=f"{name}@example.com")
        return int(rows[0][0])

    def signed_in(self, name: str, role: str = "owner") -> Browser:
        """A browser of that person, who is made when there is none."""
        with self.installation.house.database.reading() as session:
            known = session.scalar(select(Person.id).where(Person.email == f"{name}@example.com"))
        if known is None:
            self.person(name, role)
        browser = self.browser()
        assert browser.sign_in(f"{name}@example.com").status_code == 303
        return browser

    def audit(self) -> list[tuple[str, str, str]]:
        """Who did what, the oldest first, without the first start."""
        rows = self.installation.rows("SELECT who, did, what FROM audit WHERE who <> 'first start' ORDER BY id")
        return [(str(who), str(did), str(what)) for who, did, what in rows if did != "create_token"]


@contextmanager
def people_house(settings: Settings) -> Iterator[PeopleHouse]:
    """A fresh installation without people."""
    with seeded(settings) as installation:
        yield PeopleHouse(installation, create_app(installation.house))


def link_in(page: TestResponse) -> str:
    """The path of the link of one use that a page shows."""
    found = re.search(r'value="http://[^/"]+(/(?:invitation|password)/[\w-]+)"', page.text)
    assert found is not None, page.text
    return found[1]
