"""Every route, for nobody, for a person of each role, and for a token of each scope: held against `rights.txt`.

The table is written by hand and says who may enter. A route without a row fails here: decide, then add the row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.accounts.people import Newcomer, add_person
from app.accounts.roles import SCOPES, Right, Role
from app.accounts.sign_in_sessions import begin_session, csrf_of
from app.accounts.tokens import create_token
from app.config import Settings
from app.models import Person
from app.web import create_app
from tests.app.seeded import Seeded, seeded

TABLE = Path(__file__).with_name("rights.txt")
ROLES = ("owner", "admin", "publisher", "author", "supervisor", "agent", "viewer")
PLACE = re.compile(r"<(?:[^:>]*:)?(\w+)>")
PLACED = r"{\1}"
UNTOLD = ("/static/<path:filename>", "/updates")  # files that anybody gets; a stream, which has a ticket


@dataclass(frozen=True)
class Row:
    """Who may enter one route."""

    nobody: bool
    roles: frozenset[str]
    scopes: str  # "every", "none", or the scopes that are needed

    def takes(self, scope: str) -> bool:
        """Whether a token that has only this scope may enter."""
        return self.scopes in {"every", scope}


def written() -> dict[str, Row]:
    """The table by its requests."""
    rows: dict[str, Row] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        request, marks, scopes = (part.strip() for part in line.split("|"))
        assert request not in rows, f"{request} stands twice in {TABLE.name}"
        nobody, *others = (mark == "yes" for mark in marks.split())
        assert len(others) == len(ROLES), line
        rows[request] = Row(nobody, frozenset(role for role, is_in in zip(ROLES, others, strict=True) if is_in), scopes)
    return rows


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with seeded(Settings.from_environment({"PATCHBAY_DATA": str(tmp_path_factory.mktemp("rights"))})) as found:
        yield found


@pytest.fixture(scope="module")
def client(house: Seeded) -> FlaskClient:
    return create_app(house.house).test_client(use_cookies=False)


def decided(client: FlaskClient) -> list[tuple[str, str, Rule]]:
    """The routes that have a row; one without fails in its own test, and only there."""
    return [route for route in routes(client) if route[0] in written()]


def routes(client: FlaskClient) -> list[tuple[str, str, Rule]]:
    """Each route with its method, as the table writes it."""
    return [
        (f"{method} {PLACE.sub(PLACED, rule.rule)}", method, rule)
        for rule in client.application.url_map.iter_rules()
        if rule.rule not in UNTOLD
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def ask(client: FlaskClient, method: str, rule: Rule, headers: dict[str, str]) -> TestResponse:
    """A request that nobody can mean, so that whoever is let in is refused for that, and nothing happens."""
    path = re.sub(r"<(\w+)(\([^)]*\))?:\w+>", "999999", re.sub(r"<\w+>", "x", rule.rule))
    csrf = {"csrf": headers.get("X-CSRF-Token", "")}
    if path.startswith(("/api/", "/chat", "/hooks")):
        answer = client.open(f"{path}?nonsense=1", method=method, headers=headers, json={"nonsense": 1})
    else:
        answer = client.open(path, method=method, headers=headers, data=csrf if method == "POST" else None)
    answer.get_data()
    answer.close()
    return answer


def is_in(answer: TestResponse) -> bool:
    """Whether the guard let it in: everything else than asking for who it is, or telling that it may not."""
    assert answer.status_code != 500, answer.text
    if answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?next="):
        return False
    if answer.status_code not in {401, 403}:
        return True
    codes = ("token_missing", "token_refused", "right_missing", "signed_out", "csrf")
    return not any(code in answer.text for code in codes) and "does not have" not in answer.text


def person_of(house: Seeded, role: Role) -> dict[str, str]:
    """The headers of a person who has just signed in."""
    with house.house.database.transaction() as session:
        email = f"{role}@example.com"
        person = session.query(Person).filter_by(email=email).one_or_none()
        person = person or add_person(session, Newcomer(email, f"The {role}", ""), "no password", role)
        secret = begin_session(session, person)
    return {"Cookie": f"patchbay={secret}", "X-CSRF-Token": csrf_of(secret), "Accept": "text/html, */*;q=0.1"}


def test_every_route_has_a_row_and_every_row_a_route(client: FlaskClient) -> None:
    there = [request for request, _, _ in routes(client)]
    missing = sorted(set(there) - set(written()))
    assert missing == [], f"Decide who may enter, name the right at the door, and add to {TABLE}: {missing}"
    assert sorted(set(written()) - set(there)) == []


def test_nobody_enters_but_where_the_table_says_so(client: FlaskClient) -> None:
    entered = {request: is_in(ask(client, method, rule, {})) for request, method, rule in decided(client)}
    assert entered == {request: row.nobody for request, row in written().items()}


@pytest.mark.parametrize("role", Role)
def test_a_person_enters_where_the_table_says_so(client: FlaskClient, house: Seeded, role: Role) -> None:
    entered = {}
    for request, method, rule in decided(client):
        entered[request] = is_in(ask(client, method, rule, person_of(house, role)))
    assert entered == {request: row.nobody or role in row.roles for request, row in written().items()}


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_token_enters_where_the_table_says_so(client: FlaskClient, house: Seeded, scope: Right) -> None:
    with house.house.database.transaction() as session:
        headers = {"Authorization": f"Bearer {create_token(session, scope, 'tests', [scope])}"}
    closed = {request: row for request, row in written().items() if not row.nobody}
    routes = [route for route in decided(client) if route[0] in closed]
    entered = {request: is_in(ask(client, method, rule, headers)) for request, method, rule in routes}
    assert entered == {request: row.takes(scope) for request, row in closed.items()}


def test_no_changing_route_takes_a_session_without_its_csrf_token(client: FlaskClient, house: Seeded) -> None:
    headers = person_of(house, Role.OWNER)
    bare = {"Cookie": headers["Cookie"]}
    for wrong in (bare, {**bare, "X-CSRF-Token": "0" * 64}, {**headers, "Origin": "https://evil.example"}):
        for request, method, rule in decided(client):
            if method != "GET" and not written()[request].nobody:
                answer = ask(client, method, rule, wrong)
                assert answer.status_code == 403, request
                assert "page of ours" in answer.text, request
