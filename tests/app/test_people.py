"""People: invited by link, given roles, removed; nobody gives what they lack, and there is always an owner."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.accounts.invitations import invite
from app.accounts.password_links import make_password_link
from app.accounts.people import Actor, Forbidden, change_role, find_person, person_of, set_password
from app.accounts.roles import Role, rights_of
from app.accounts.sign_in_sessions import begin_session, find_session
from app.accounts.standing import rights_now
from app.accounts.tokens import Maker, create_token, find_token
from app.config import Settings
from app.models import Person
from tests.app.people_house import PASSWORD, Browser, PeopleHouse, link_in, people_house
from tests.app.processes import until

HOSTILE = '<script>alert("x")</script>'
DAY = 86_400


@pytest.fixture
def house(settings: Settings) -> Iterator[PeopleHouse]:
    with people_house(settings) as found:
        yield found


@pytest.fixture
def quick(sqlite_url: str, redis_url: str) -> Iterator[PeopleHouse]:
    """On one database only: what depends on no SQL."""
    with people_house(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as found:
        yield found


@pytest.fixture(autouse=True)
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that take no time; tests/app/test_sign_in.py has the real ones."""
    for module in ("joining", "sign_in", "account"):
        monkeypatch.setattr(f"app.web.screens.{module}.hashed", lambda password: f"hash of {password}")
    for module in ("sign_in", "account"):
        right = f"app.web.screens.{module}.is_right"
        monkeypatch.setattr(right, lambda stored, password: stored == f"hash of {password}" or password == PASSWORD)
    monkeypatch.setattr("app.web.screens.sign_in.is_outdated", lambda _: False)


def invited(browser: Browser, email: str, role: str = "agent") -> str:
    """The path of the link."""
    return link_in(browser.post("/people/invitations", email=email, role=role))


def join(house: PeopleHouse, path: str, name: str = "Jan", password: str = PASSWORD) -> int:
    """The status of accepting in a browser of its own."""
    return house.browser().client.post(path, data={"name": name, "password": password}).status_code


def test_somebody_is_invited_joins_once_and_has_the_role(quick: PeopleHouse) -> None:
    owner = quick.signed_in("ada")
    path = invited(owner, " Jan@Example.com ", "publisher")
    assert "jan@example.com" in owner.get("/people").text
    browser = quick.browser()
    assert "Publisher" in browser.get(path).text
    refused = browser.client.post(path, data={"name": "", "password": PASSWORD})
    assert (refused.status_code, "A name has 1 to 80" in refused.text) == (422, True)
    assert browser.client.post(path, data={"name": "Jan Nowak", "password": PASSWORD}).status_code == 303
    assert "Jan Nowak" in browser.get("/").text
    assert (browser.get("/account").status_code, browser.get("/people").status_code) == (200, 403)
    assert join(quick, path) == browser.get(path).status_code == 410
    assert ("jan@example.com", "join", "as publisher") in quick.audit()


def test_of_many_who_accept_one_invitation_at_once_one_gets_in(house: PeopleHouse) -> None:
    path = invited(house.signed_in("ada"), "jan@example.com")
    ready = threading.Barrier(6)

    def accept(number: int) -> int:
        ready.wait()
        return join(house, path, f"Jan {number}")

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(accept, range(6))) == [303] + [410] * 5
    assert house.installation.rows("SELECT count(*) FROM people") == [(2,)]


def test_an_invitation_ends_after_a_week_when_cancelled_and_when_replaced(house: PeopleHouse) -> None:
    owner = house.signed_in("ada")
    replaced, cancelled = invited(owner, "jan@example.com"), invited(owner, "jan@example.com")
    assert join(house, replaced) == 410
    number = house.installation.rows("SELECT max(id) FROM invitations")[0][0]
    assert owner.post(f"/people/invitations/{number}/cancel").status_code == 303
    assert join(house, cancelled) == 410
    late = invited(owner, "jan@example.com")
    house.installation.move_clock(7 * DAY + 1)
    assert join(house, late) == 410


BAD = [
    ({"email": "no address", "role": "agent"}, "should look like ada@example.com"),
    ({"email": "a@b", "role": "agent"}, "should look like ada@example.com"),
    ({"email": f"{'x' * 300}@example.com", "role": "agent"}, "should look like ada@example.com"),
    ({"email": "ada@example.com", "role": "agent"}, "is here already"),
    ({"email": "jan@example.com", "role": "king"}, "There is no role “king”"),
    ({"email": "jan@example.com"}, "There is no role “”"),
]


@pytest.mark.parametrize(("fields", "sentence"), BAD)
def test_an_invitation_that_cannot_be_is_refused_with_a_sentence(
    quick: PeopleHouse, fields: dict[str, str], sentence: str
) -> None:
    answer = quick.signed_in("ada").post("/people/invitations", **fields)
    assert (answer.status_code, sentence in answer.text) == (422, True)


def test_a_removed_person_is_signed_out_at_once_and_leaves_no_way_back(house: PeopleHouse) -> None:
    owner, admin = house.signed_in("ada"), house.signed_in("jan", "admin")
    path = invited(admin, "back@example.com", "admin")
    made = admin.post("/tokens", name="jan’s", scope="read_flows")
    token = re.search(r"pb_[\w-]{43}", made.text)
    assert token is not None
    headers = {"Authorization": f"Bearer {token[0]}"}
    assert house.browser().client.get("/api/v1/flows", headers=headers).status_code == 200
    number = house.person_number("jan")
    assert owner.post(f"/people/{number}/remove").status_code == 303
    assert admin.get("/account").status_code == 303
    assert house.browser().client.get("/api/v1/flows", headers=headers).status_code == 401
    assert house.browser().sign_in("jan@example.com").status_code == 401
    assert join(house, path) == 410
    assert "jan@example.com" not in owner.get("/people").text
    assert join(house, invited(owner, "jan@example.com")) == 303  # and may be invited again


def test_what_somebody_does_in_the_moment_of_being_removed_is_no_way_back(house: PeopleHouse) -> None:
    owner = house.signed_in("ada")
    number, other = house.person("jan", "admin"), house.person("eva", "admin")
    rights = rights_of(Role.ADMIN)  # as they were read when the request came
    actor, maker = Actor("jan@example.com", rights), Maker("jan@example.com", rights, number)
    assert owner.post(f"/people/{number}/remove").status_code == 303
    with house.installation.house.database.transaction() as session:
        row, invitation = invite(session, "back@example.com", Role.ADMIN, actor)
        link = make_password_link(session, person_of(session, other), actor)
        token = create_token(session, "jan’s", maker)
        secret = begin_session(session, session.get_one(Person, number))
        assert row.id
        assert rights_now(session, "ada@example.com") == rights_of(Role.OWNER)
        assert rights_now(session, "jan@example.com") == rights_now(session, "jan’s") == frozenset()
    for path in (f"/invitation/{invitation}", f"/password/{link}"):
        assert house.browser().get(path).status_code == join(house, path) == 410, path
    assert join(house, invited(owner, "jan@example.com", "admin")) == 303  # is invited again
    with house.installation.house.database.reading() as session:
        assert (find_token(session, token), find_session(session, secret)) == (None, None)


def test_an_invitation_holds_as_long_as_its_maker_may_give_the_role(house: PeopleHouse) -> None:
    owner, admin = house.signed_in("ada"), house.signed_in("eva", "admin")
    kept = invited(admin, "jan@example.com", "admin")
    house.installation.write("UPDATE people SET role = 'supervisor' WHERE email = 'eva@example.com'")
    assert house.browser().get(kept).status_code == 410
    house.installation.write("UPDATE people SET role = 'owner' WHERE email = 'eva@example.com'")
    assert house.browser().get(kept).status_code == 200
    assert owner.post(f"/people/{house.person_number('eva')}/role", role="viewer").status_code == 303
    assert join(house, kept) == 410


def test_another_role_holds_from_the_next_sign_in_on(quick: PeopleHouse) -> None:
    owner, jan = quick.signed_in("ada"), quick.signed_in("jan", "agent")
    number = quick.person_number("jan")
    assert owner.post(f"/people/{number}/role", role="admin").status_code == 303
    assert jan.get("/account").status_code == 303
    assert quick.signed_in("jan").get("/people").status_code == 200
    assert ("ada@example.com", "change_role", "jan@example.com: agent to admin") in quick.audit()


def test_nobody_gives_or_touches_what_they_lack(quick: PeopleHouse) -> None:
    quick.signed_in("ada")
    admin = quick.signed_in("jan", "admin")
    owner = quick.person_number("ada")
    for path, fields in (
        ("/people/invitations", {"email": "eva@example.com", "role": "owner"}),
        (f"/people/{owner}/role", {"role": "agent"}),
        (f"/people/{owner}/remove", {}),
        (f"/people/{owner}/password-link", {}),
        (f"/people/{quick.person_number('jan')}/role", {"role": "owner"}),
    ):
        answer = admin.post(path, "", **fields)
        assert answer.status_code in {409, 422}, path
        assert "ask somebody who has more rights" in answer.text, path
    assert [did for _, did, _ in quick.audit()] == ["sign_in", "sign_in"]


def test_the_last_owner_stays_an_owner_whoever_asks_at_once(house: PeopleHouse) -> None:
    ada, eva = house.signed_in("ada"), house.signed_in("eva")
    numbers = [house.person_number("ada"), house.person_number("eva")]
    ready = threading.Barrier(2)

    def remove(browser: Browser, number: int) -> int:
        browser.get("/account")
        ready.wait()
        return browser.post(f"/people/{number}/remove").status_code

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(remove, (ada, eva), reversed(numbers)))
    owners = house.installation.rows("SELECT email FROM people WHERE role = 'owner' AND removed_at IS NULL")
    assert len(owners) == 1
    last = house.signed_in(str(owners[0][0]).partition("@")[0])
    number = house.person_number(str(owners[0][0]).partition("@")[0])
    for path, fields in ((f"/people/{number}/remove", {}), (f"/people/{number}/role", {"role": "viewer"})):
        answer = last.post(path, "", **fields)
        assert (answer.status_code, "is the last owner" in answer.text) == (409, True)


def test_who_forgot_the_password_gets_a_link_from_an_admin(house: PeopleHouse) -> None:
    admin, jan = house.signed_in("ada", "admin"), house.signed_in("jan", "agent")
    number = house.person_number("jan")
    old, path = (link_in(admin.post(f"/people/{number}/password-link")) for _ in range(2))
    assert house.browser().get(old).status_code == 410
    browser = house.browser()
    assert "jan@example.com" in browser.get(path).text
    assert browser.client.post(path, data={"password": "short"}).status_code == 422
    assert browser.client.post(path, data={"password": "a new password 1"}).status_code == 303
    assert (browser.get("/account").status_code, jan.get("/account").status_code) == (200, 303)
    assert house.browser().sign_in("jan@example.com", "a new password 1").status_code == 303
    assert browser.client.post(path, data={"password": "a new password 2"}).status_code == 410
    late = link_in(admin.post(f"/people/{number}/password-link"))
    house.installation.move_clock(DAY + 1)
    assert house.browser().get(late).status_code == 410


def test_a_link_for_a_password_ends_with_the_role_it_was_made_for(house: PeopleHouse) -> None:
    owner, admin = house.signed_in("ada"), house.signed_in("eva", "admin")
    house.signed_in("jan", "agent")
    number = house.person_number("jan")
    kept = link_in(admin.post(f"/people/{number}/password-link"))
    assert owner.post(f"/people/{number}/role", role="owner").status_code == 303
    assert house.browser().get(kept).status_code == 410  # the admin would be an owner by it
    kept = link_in(owner.post(f"/people/{number}/password-link"))
    assert owner.post(f"/people/{number}/remove").status_code == 303
    assert join(house, invited(owner, "jan@example.com")) == 303
    assert house.browser().get(kept).status_code == 410
    kept = link_in(owner.post(f"/people/{number}/password-link"))
    jan = house.signed_in("jan")
    assert jan.post("/account/password", present=PASSWORD, password="a new password 1").status_code == 303
    assert house.browser().get(kept).status_code == 410


def test_a_link_for_a_password_looks_at_the_role_of_this_moment_and_holds_it(
    postgresql_url: str, redis_url: str
) -> None:
    admin = Actor("eva@example.com", rights_of(Role.ADMIN))
    owner = Actor("ada@example.com", rights_of(Role.OWNER))
    with people_house(Settings(database_url=postgresql_url, redis_url=redis_url)) as house:
        database = house.installation.house.database
        house.person("ada")
        house.person("jan", "agent")
        number = house.person_number("jan")
        with database.transaction() as session:
            make_password_link(session, person_of(session, number), admin)
            with pytest.raises(OperationalError, match="could not obtain lock"), database.transaction() as other:
                other.execute(text("SELECT 1 FROM people WHERE id = :id FOR UPDATE NOWAIT"), {"id": number})
        with database.transaction() as session:
            person = person_of(session, number)
            with database.transaction() as other:
                change_role(other, number, Role.OWNER, owner)
            with pytest.raises(Forbidden):
                make_password_link(session, person, admin)
        assert house.installation.rows("SELECT count(*) FROM password_links WHERE used_at IS NULL")[0][0] == 0


def test_who_signs_in_while_the_password_is_changed_is_not_signed_in_by_the_old_one(
    postgresql_url: str, redis_url: str
) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    settings = Settings(database_url=postgresql_url, redis_url=redis_url)
    with people_house(settings) as house, ThreadPoolExecutor(1) as pool:
        house.person("ada")
        database = house.installation.house.database
        with database.transaction() as session:
            ada = find_person(session, "ada@example.com", locked=True)
            assert ada is not None
            set_password(session, ada, "hash of another", "ada@example.com")
            session.flush()
            answer = pool.submit(house.browser().sign_in, "ada@example.com")
            until(lambda: house.installation.rows(str(waiting))[0][0] > 0, "the one who signs in waits")
        assert answer.result().status_code == 401
        assert house.installation.rows("SELECT count(*) FROM sign_in_sessions") == [(0,)]


def test_names_that_are_html_are_shown_as_text_everywhere(quick: PeopleHouse) -> None:
    owner = quick.signed_in("ada")
    assert join(quick, invited(owner, "jan@example.com"), HOSTILE) == 303
    owner.post("/tokens", name=HOSTILE.replace("/", ""), scope="read_flows")
    for path in ("/people", "/tokens", "/audit", "/audit?who=%3Cscript%3E"):
        page = owner.get(path)
        assert "<script>" not in page.text, path
    assert "&lt;script&gt;" in owner.get("/people").text


def test_every_page_for_people_is_protected(quick: PeopleHouse) -> None:
    owner = quick.signed_in("ada")
    for path in ("/", "/people", "/tokens", "/audit", "/account", "/first/x"):
        headers = owner.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=", owner.get(path).text), path


def test_what_matters_stands_in_the_audit_log_and_is_read_in_pages(quick: PeopleHouse) -> None:
    owner = quick.signed_in("ada")
    client, csrf = owner.client, str(owner.client.get("/api/v1/me").get_json()["csrf"])
    client.put(
        "/api/v1/credentials/crm",
        json={"kind": "bearer", "origins": ["https://a.example"], "secret": {"token": "x"}},
        headers={"X-CSRF-Token": csrf},
    )
    client.get("/api/v1/flows/VIP%20calls/export")
    client.post("/api/v1/flows/VIP%20calls/publish", json={"note": "again"}, headers={"X-CSRF-Token": csrf})
    assert [did for _, did, _ in quick.audit()] == ["sign_in", "create_credential", "export_flow", "publish"]
    draft = client.get("/api/v1/flows/VIP%20calls").get_json()
    changed = {"document": {**draft["document"], "description": "Another."}, "base": draft["revision"]}
    saved = client.put("/api/v1/flows/VIP%20calls", json=changed, headers={"X-CSRF-Token": csrf}).get_json()
    assert saved["author"] == "ada@example.com"
    first = client.get("/api/v1/audit?limit=2&who=ada@example.com").get_json()
    rest = client.get(f"/api/v1/audit?who=ada@example.com&after={first['next']}").get_json()
    done = [one["did"] for one in (*first["items"], *rest["items"])]
    assert (done, rest["next"]) == (["publish", "export_flow", "create_credential", "sign_in"], None)
    version = client.get("/api/v1/flows/VIP%20calls/versions?limit=1").get_json()["items"][0]
    assert version["author"] == "ada@example.com"
    client.post("/api/v1/flows/VIP%20calls/versions/1/roll-back", json={}, headers={"X-CSRF-Token": csrf})
    client.post("/api/v1/exports", json={}, headers={"X-CSRF-Token": csrf})
    client.delete("/api/v1/credentials/crm", headers={"X-CSRF-Token": csrf})
    assert [did for _, did, _ in quick.audit()[-3:]] == ["roll_back", "export_flows", "delete_credential"]


def test_people_are_managed_through_the_api_too(quick: PeopleHouse) -> None:
    client = quick.signed_in("ada").client
    csrf = {"X-CSRF-Token": str(client.get("/api/v1/me").get_json()["csrf"])}
    made = client.post("/api/v1/invitations", json={"email": "jan@example.com", "role": "agent"}, headers=csrf)
    link = made.get_json()["link"]
    assert made.get_json()["expires_at"] > made.get_json()["created_at"]
    assert (made.status_code, link.startswith("http://127.0.0.1:8000/invitation/")) == (201, True)
    assert join(quick, link.removeprefix("http://127.0.0.1:8000")) == 303
    jan = next(one for one in client.get("/api/v1/people").get_json()["items"] if one["name"] == "Jan")
    place = f"/api/v1/people/{jan['id']}"
    assert client.patch(place, json={"role": "viewer"}, headers=csrf).get_json()["role"] == "viewer"
    assert "/password/" in client.post(f"{place}/password-link", headers=csrf).get_json()["link"]
    token = client.post("/api/v1/tokens", json={"name": "reports", "scopes": ["read_flows"]}, headers=csrf).get_json()
    asked = quick.browser().client.get("/api/v1/me", headers={"Authorization": f"Bearer {token['token']}"})
    assert asked.get_json() == {"token": "reports", "person": None, "rights": ["read_flows"], "csrf": None}
    assert client.delete(place, headers=csrf).status_code == 200
    assert client.get(place).status_code == 404
    assert client.delete("/api/v1/me/sessions", headers=csrf).get_json() == {"ended": 0}


def test_who_lacks_a_right_reads_whom_to_ask_and_no_name_of_a_right(quick: PeopleHouse) -> None:
    author = quick.signed_in("eva", "author")
    page = author.client.get("/people", headers={"Accept": "text/html"}).text
    assert "Your role, author, does not have the right to do this: ask one of your admins." in page
    assert "read_people" not in page
    refused = author.get("/api/v1/people").get_json()
    assert (refused["code"], refused["details"]) == ("right_missing", {"rights": ["read_people"]})
    token = quick.browser().client
    headers = quick.installation.headers
    told = token.post("/api/v1/tokens", json={"name": "b", "scopes": ["read_flows"]}, headers=headers).get_json()
    assert told["error"] == "No token may do this, only somebody who is signed in."
