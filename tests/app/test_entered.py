"""What people enter in forms: one line for each field, or a sentence and nothing done."""

from collections.abc import Iterator

import pytest

from app.config import Settings
from tests.app.people_house import PeopleHouse, people_house


@pytest.fixture
def quick(sqlite_url: str, redis_url: str) -> Iterator[PeopleHouse]:
    """On one database only: what depends on no SQL."""
    with people_house(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as found:
        yield found


FIELDS = [
    ("/sign-in", "email"),
    ("/sign-in", "password"),
    ("/account/password", "present"),
    ("/people/invitations", "email"),
    ("/tokens", "name"),
]


def test_no_form_takes_a_field_of_several_lines(quick: PeopleHouse) -> None:
    owner, before = quick.signed_in("ada"), quick.audit()
    for path, field in FIELDS:
        for bad in ("ada@example.com\r\nx", "a\x1b[31mb", "a\u2028b"):
            usual = {"email": "eve@example.com", "role": "viewer", "password": "x" * 20}
            answer = owner.post(path, **{**usual, field: bad})
            assert (answer.status_code, "control character" in answer.text) == (422, True), (path, field, bad)
    assert quick.audit() == before
