"""Tokens: shown once, stored hashed, revocable; the first link makes one, however many press at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.accounts.first_link import make_first_link, use_first_link
from app.accounts.digests import digest
from app.accounts.roles import SCOPES
from app.accounts.tokens import create_token, find_token, revoke_token, unused_name
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
        assert unused_name(session, "reports") == "reports 2"
    database.close()


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\nb", "a\x00b", "a/b", ".", ".."])
def test_a_token_without_a_proper_name_is_refused(database: Database, name: str) -> None:
    with database.transaction() as session, pytest.raises(Invalid, match="needs a name"):
        create_token(session, name, "ada")
    database.close()


def test_many_who_use_the_first_link_at_once_get_one_token(database: Database) -> None:
    with database.transaction() as session:
        secret = make_first_link(session)

    def use(_: int) -> str | None:
        with database.transaction() as session:
            return use_first_link(session, secret)

    with ThreadPoolExecutor(6) as pool:
        tokens = [token for token in pool.map(use, range(12)) if token]
    assert len(tokens) == 1
    database.close()
