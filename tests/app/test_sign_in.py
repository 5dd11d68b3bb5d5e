"""Signing in: alike for unknown and wrong, counted before the password is looked at, ended at once when it must be."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2.exceptions import VerifyMismatchError

from app.accounts.passwords import _OF_NOBODY, LONGEST, _hasher, hashed, is_outdated, is_right
from app.accounts.sign_in_tries import OF_ACCOUNT, OF_ADDRESS, clear_old_tries
from app.config import Settings
from tests.app.people_house import PASSWORD, PeopleHouse, people_house, stored_password

HOUR = 3600


@pytest.fixture
def house(settings: Settings) -> Iterator[PeopleHouse]:
    with people_house(settings) as found:
        yield found


@pytest.fixture
def quick(sqlite_url: str, redis_url: str) -> Iterator[PeopleHouse]:
    """On one database only: what depends on no SQL."""
    with people_house(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as found:
        yield found


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, str]]:
    """Each look at a password: whether the account is known, and what was entered. None takes time."""
    looks: list[tuple[bool, str]] = []

    def look(stored: str | None, password: str) -> bool:
        looks.append((stored is not None, password))
        return stored is not None and password == PASSWORD

    monkeypatch.setattr("app.web.screens.sign_in.is_right", look)
    return looks


def test_a_password_is_stored_as_argon2id_and_found_again() -> None:
    stored = stored_password()
    assert stored.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert is_right(stored, PASSWORD)
    assert not is_outdated(stored)
    for wrong in ("", PASSWORD[:-1], PASSWORD.upper(), "\ud800", "x" * 1_000_000):
        assert not is_right(stored, wrong)
    assert not is_right(None, PASSWORD)
    assert not is_right("no hash", PASSWORD)
    assert not is_outdated(_OF_NOBODY)  # or an unknown account would be told from a known one by its time
    with pytest.raises(VerifyMismatchError):
        _hasher.verify(_OF_NOBODY, PASSWORD)
    assert is_right(
        hashed("zażółć gęślą"), "zaz\u0307o\u0301łc\u0301 ge\u0328s\u0301la\u0328"
    )  # as other keyboards write it


def test_the_right_password_signs_in_and_leads_to_the_page_that_was_wanted(quick: PeopleHouse) -> None:
    quick.person("ada")
    browser = quick.browser()
    asked = browser.get("/people?done=role")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/sign-in?next=%2Fpeople%3Fdone%3Drole")
    fields = {"email": " Ada@Example.com", "password": PASSWORD, "next": "/people?done=role"}
    answer = browser.client.post("/sign-in", data=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/people?done=role")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("patchbay=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"))
    assert "Secure" not in cookie
    assert browser.get("/people").status_code == 200
    assert browser.get("/sign-in").status_code == 303
    secret = cookie.removeprefix("patchbay=").partition(";")[0]
    assert quick.installation.rows("SELECT count(*) FROM sign_in_sessions WHERE sha256 = :it", it=secret) == [(0,)]


@pytest.mark.parametrize("evil", ["//evil.example", "/\\evil.example", "https://evil.example", "/x\r\nSet-Cookie: a=b"])
def test_signing_in_leads_to_no_other_site(quick: PeopleHouse, evil: str) -> None:
    quick.person("ada")
    fields = {"email": "ada@example.com", "password": PASSWORD, "next": evil}
    assert quick.browser().client.post("/sign-in", data=fields).headers["Location"] == "/"


def test_unknown_wrong_and_too_long_are_answered_alike(quick: PeopleHouse) -> None:
    quick.person("ada")
    browser = quick.browser()
    pages = [
        browser.sign_in(email, password).text.replace(email, "")
        for email, password in (
            ("ada@example.com", "wrong"),
            ("nobody@example.com", PASSWORD),
            ("no address", ""),
            ("ada@example.com", "x" * 900_000),
        )
    ]
    assert len(set(pages)) == 1
    assert "not right" in pages[0]
    assert quick.audit() == [
        ("ada@example.com", "fail_sign_in", "from 203.0.113.7"),
        ("nobody", "fail_sign_in", "from 203.0.113.7"),
        ("nobody", "fail_sign_in", "from 203.0.113.7"),
        ("ada@example.com", "fail_sign_in", "from 203.0.113.7"),
    ]


def test_the_password_of_an_unknown_account_is_looked_at_too(
    quick: PeopleHouse, looked: list[tuple[bool, str]]
) -> None:
    quick.person("ada")
    for email in ("ada@example.com", "nobody@example.com"):
        assert quick.browser().sign_in(email, "guess").status_code == 401
    assert looked == [(True, "guess"), (False, "guess")]


def test_a_stampede_of_guesses_gets_no_more_tries_than_one_after_another(
    house: PeopleHouse, looked: list[tuple[bool, str]]
) -> None:
    house.person("ada")
    ready = threading.Barrier(12)

    def guess(number: int) -> int:
        browser = house.browser()
        ready.wait()
        codes = [browser.sign_in("ada@example.com", f"guess {number}", f"198.51.100.{number}") for _ in range(3)]
        return sum(answer.status_code == 401 for answer in codes)

    with ThreadPoolExecutor(12) as pool:
        tried = sum(pool.map(guess, range(12)))
    assert tried == len(looked) == OF_ACCOUNT
    assert Counter(did for _, did, _ in house.audit()) == {"fail_sign_in": OF_ACCOUNT, "stop_sign_in": 1}


def test_thousands_of_guesses_are_a_hundred_tries_and_a_few_rows(
    quick: PeopleHouse, looked: list[tuple[bool, str]]
) -> None:
    browser = quick.browser()
    for number in range(OF_ADDRESS + 50):  # all that follow are the same refusal
        browser.sign_in(f"person{number}@example.com", "guess")
    answer = browser.sign_in("another@example.com", "guess")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "15 minutes" in answer.text
    assert len(looked) == OF_ADDRESS
    assert quick.installation.rows("SELECT count(*) FROM sign_in_tries") == [(OF_ADDRESS + 1,)]
    assert len(quick.audit()) == OF_ADDRESS + 1


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        ("", "198.51.100.1", "10.0.0.1"),
        ("1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # what stands before it is the caller's own invention
        ("2", "192.0.2.66, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("2", "192.0.2.66", "10.0.0.1"),  # it did not pass both
        ("1", "", "10.0.0.1"),
    ],
)
def test_behind_proxies_of_ours_tries_count_for_the_address_that_the_outermost_saw(
    sqlite_url: str, redis_url: str, proxies: str, header: str, address: str
) -> None:
    environment = {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "TRUSTED_PROXIES": proxies}
    with people_house(Settings.from_environment(environment)) as house:
        house.browser().client.post(
            "/sign-in",
            data={"email": "nobody@example.com", "password": "a guess"},
            headers={"X-Forwarded-For": header} if header else {},
            environ_overrides={"REMOTE_ADDR": "10.0.0.1"},
        )
        rows = house.installation.rows("SELECT what FROM audit WHERE did = 'fail_sign_in'")
    assert rows == [(f"from {address}",)]


def test_who_was_stopped_may_try_again_later_and_the_right_password_begins_anew(
    house: PeopleHouse, looked: list[tuple[bool, str]]
) -> None:
    house.person("ada")
    browser = house.browser()
    for _ in range(OF_ACCOUNT):
        browser.sign_in("ada@example.com", "wrong")
    assert browser.sign_in("ada@example.com").status_code == 429  # even the right one
    house.installation.move_clock(15 * 60 + 1)
    assert browser.sign_in("ada@example.com").status_code == 303
    for _ in range(OF_ACCOUNT - 1):
        assert browser.sign_in("ada@example.com", "wrong").status_code == 401
    assert browser.sign_in("ada@example.com").status_code == 303
    house.installation.move_clock(15 * 60 + 1)
    with house.installation.house.database.transaction() as session:
        clear_old_tries(session)
    assert house.installation.rows("SELECT count(*) FROM sign_in_tries") == [(0,)]


def test_a_sign_in_session_ends_when_idle_and_at_the_latest_after_a_week(house: PeopleHouse) -> None:
    browser, other = house.signed_in("ada"), house.signed_in("ada")
    for _ in range(13):
        house.installation.move_clock(11 * HOUR)
        assert browser.get("/account").status_code == 200  # used again and again
    assert other.get("/account").status_code == 303  # left alone
    for _ in range(3):
        house.installation.move_clock(11 * HOUR)
        browser.get("/account")
    assert browser.get("/account").status_code == 303
    house.signed_in("ada")
    assert house.installation.rows("SELECT count(*) FROM sign_in_sessions") == [(1,)]


def test_signing_out_ends_it_here_and_everywhere_else_only_when_asked(quick: PeopleHouse) -> None:
    here, there, away = (quick.signed_in("ada") for _ in range(3))
    assert here.post("/sign-out").headers["Location"] == "/sign-in"
    assert here.get("/account").status_code == 303
    assert "1 other" in there.get("/account").text
    assert there.post("/account/sign-out-everywhere").status_code == 303
    assert (there.get("/account").status_code, away.get("/account").status_code) == (200, 303)


def test_signing_in_again_ends_the_sign_in_session_that_the_browser_had(quick: PeopleHouse) -> None:
    browser = quick.signed_in("ada")
    old = browser.client.get_cookie("patchbay")
    assert old is not None
    browser.sign_in("ada@example.com")
    browser.client.set_cookie("patchbay", old.value)
    assert browser.get("/account").status_code == 303


def test_another_password_signs_out_everywhere_else_and_needs_the_present_one(quick: PeopleHouse) -> None:
    here, there = quick.signed_in("ada"), quick.signed_in("ada")
    wrong = here.post("/account/password", present="wrong", password="a new password 1")
    assert (wrong.status_code, "present password is not right" in wrong.text) == (422, True)
    for weak in ("short", "x" * (LONGEST + 1), "aaaaaaaaaaaa", "ada@example.com"):
        assert here.post("/account/password", present=PASSWORD, password=weak).status_code == 422
    assert here.post("/account/password", present=PASSWORD, password="a new password 1").status_code == 303
    assert (here.get("/account").status_code, there.get("/account").status_code) == (200, 303)
    assert quick.browser().sign_in("ada@example.com").status_code == 401
    assert quick.browser().sign_in("ada@example.com", "a new password 1").status_code == 303


def test_under_https_the_cookie_is_for_this_host_alone(sqlite_url: str, redis_url: str) -> None:
    settings = Settings.from_environment(
        {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "PUBLIC_URL": "https://phone.example.com"}
    )
    with people_house(settings) as house:
        house.person("ada")
        answer = house.browser().sign_in("ada@example.com")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-patchbay=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]


def test_another_site_signs_nobody_in(quick: PeopleHouse) -> None:
    quick.person("ada")
    fields = {"email": "ada@example.com", "password": PASSWORD}
    answer = quick.browser().client.post("/sign-in", data=fields, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
