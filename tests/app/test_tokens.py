"""Tokens: shown once, stored hashed, scoped, revocable; the first link makes one owner, however many press at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from app.accounts.digests import digest
from app.accounts.first_link import make_first_link, use_first_link
from app.accounts.people import Actor, Newcomer, add_person, change_role, remove_person
from app.accounts.roles import ROLES, SCOPES, Role
from app.accounts.tokens import Maker, create_token, find_token, is_use_old, note_use, revoke_token
from app.config import Settings
from app.db import Database
from app.errors import Conflict, Invalid, NotFound


@pytest.fixture
def database(settings: Settings) -> Database:
    return Database.connect(settings)


def test_a_token_is_found_by_its_text_and_only_its_hash_is_stored(database: Database) -> None:
    with database.transaction() as session:
        text = create_token(session, "reports", "ada")
        found = find_token(session, text)
        assert found is not None
        token, rights = found
        assert (token.name, token.sha256 == digest(text), rights) == ("reports", True, SCOPES)
    with database.reading() as session:
        for wrong in ("", text[:-1], text + "x", text.upper(), "\ud800"):
            assert find_token(session, wrong) is None
    database.close()


def test_a_revoked_token_is_nobodys_and_its_name_stays_taken(database: Database) -> None:
    with database.transaction() as session:
        text = create_token(session, "reports", "ada")
        revoke_token(session, "reports", "ada")
        ended_at = revoke_token(session, "reports", "ada").revoked_at
        assert ended_at is not None
        assert find_token(session, text) is None
        with pytest.raises(Conflict):
            create_token(session, "reports", "ada")
        with pytest.raises(NotFound):
            revoke_token(session, "other", "ada")
    database.close()


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\nb", "a\x00b", "a/b", "ada@example.com", ".", ".."])
def test_a_token_without_a_proper_name_is_refused(database: Database, name: str) -> None:
    with database.transaction() as session, pytest.raises(Invalid, match="needs a name"):
        create_token(session, name, "ada")
    database.close()


def test_many_who_use_the_first_link_at_once_make_one_owner(database: Database) -> None:
    with database.transaction() as session:
        secret = make_first_link(session, "tests")

    def use(number: int) -> str:
        newcomer = Newcomer(f"ada{number}@example.com", "Ada", "")
        with database.transaction() as session:
            person = use_first_link(session, secret, newcomer, "a hash")
            return person.role if person is not None else ""

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(use, range(12))) == [""] * 11 + ["owner"]
    database.close()


SCOPES_REFUSED = [
    (["make_tokens"], "bad_scope"),
    (["edit_people"], "bad_scope"),
    (["nonsense"], "bad_scope"),
    (["read_flows", "publish_flows"], "scope_not_yours"),
    ([], "no_scope"),
]


@pytest.mark.parametrize(("scopes", "code"), SCOPES_REFUSED)
def test_a_token_never_has_more_than_its_maker_and_makes_no_others(
    database: Database, scopes: list[str], code: str
) -> None:
    author = Maker("ada@example.com", ROLES[Role.AUTHOR])
    with database.transaction() as session, pytest.raises(Invalid) as refused:
        create_token(session, "reports", author, scopes)
    assert refused.value.code == code
    database.close()


def test_a_token_of_a_person_shrinks_with_the_role_and_ends_with_the_person(database: Database) -> None:
    boss = Actor("boss@example.com", ROLES[Role.OWNER])
    with database.transaction() as session:
        ada = add_person(session, Newcomer("ada@example.com", "Ada", ""), "a hash", Role.PUBLISHER)
        maker = Maker(ada.email, ROLES[Role.PUBLISHER], ada.id)
        text = create_token(session, "reports", maker, ["read_flows", "publish_flows"])
        assert rights_now(session, text) == {"read_flows", "publish_flows"}
        change_role(session, ada.id, Role.AUTHOR, boss)
        assert rights_now(session, text) == {"read_flows"}
        remove_person(session, ada.id, boss)
        assert find_token(session, text) is None
        add_person(session, Newcomer("ada@example.com", "Ada", ""), "a hash", Role.PUBLISHER)  # invited again
        assert find_token(session, text) is None
    database.close()


def test_the_last_use_of_a_token_is_known_to_the_minute(database: Database) -> None:
    with database.transaction() as session:
        found = find_token(session, create_token(session, "reports", "ada"))
        assert found is not None
        assert is_use_old(session, found[0])
        note_use(session, found[0].id)
        session.refresh(found[0])
        assert not is_use_old(session, found[0])
    database.close()


def rights_now(session: Session, text: str) -> set[str]:
    found = find_token(session, text)
    return set() if found is None else {str(right) for right in found[1]}
