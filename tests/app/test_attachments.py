"""Files that contacts send: fetched from the provider, kept by what they are, and only ever given as downloads."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.config import Settings
from tests.app.processes import Process, until
from tests.app.raw_server import Talk
from tests.attacks.bad_input_site import ACCOUNT, SECRET, Site, bad_input_site

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\x01" * 20
GOLD = "> You are gold."


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with bad_input_site(settings) as made:
        yield made


def with_files(site: Site, *addresses: str, kind: str = "image/png") -> None:
    """Anna sends a message with files that lie at these addresses."""
    form = {"NumMedia": str(len(addresses))}
    for place, address in enumerate(addresses):
        form |= {f"MediaUrl{place}": address, f"MediaContentType{place}": kind}
    assert site.message("look", **form) == "200"


def media(site: Site, name: str) -> str:
    """Twilio's address of a file."""
    return f"{site.outside.origin}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/{name}"


def is_said(site: Site, words: str) -> None:
    until(lambda: site.said() == [words, GOLD], f"it is {words!r} ({site.said()})")


def gives(content: bytes) -> Callable[[Talk], None]:
    return lambda talk: talk.answer(content, content_type="text/html")


def test_a_file_is_fetched_with_the_accounts_secret_and_kept_beside_its_message(site: Site) -> None:
    site.files["ME1"] = gives(PNG)
    with_files(site, media(site, "ME1"))
    is_said(site, "look [image/png kept]")
    (talk,) = [talk for talk in site.outside.talks if "/Media/" in talk.path]
    assert base64.b64decode(talk.headers["authorization"].removeprefix("Basic ")).decode() == f"{ACCOUNT}:{SECRET}"


def test_people_get_it_by_the_signed_door_as_a_download_and_never_the_providers_address(site: Site) -> None:
    site.files["ME1"] = gives(PNG)
    with_files(site, media(site, "ME1"))
    is_said(site, "look [image/png kept]")
    shown = site.web.get("/api/v1/conversations/PB-10001/messages", headers=dict(site.seeded.headers)).get_json()
    (item,) = shown["items"][0]["media"]
    assert item["url"] == ""
    file = site.web.get(item["address"])
    assert (file.data, file.mimetype) == (PNG, "image/png")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_until_it_is_there_people_see_that_it_is_being_fetched(site: Site) -> None:
    site.files["ME1"] = lambda talk: talk.answer(b"", "503 Service Unavailable")
    with_files(site, media(site, "ME1"))
    is_said(site, "look [image/png]")
    shown = site.web.get("/api/v1/conversations/PB-10001/messages", headers=dict(site.seeded.headers)).get_json()
    (item,) = shown["items"][0]["media"]
    assert (item["url"], item["state"]) == ("", "fetching")


def test_all_files_of_a_message_are_kept_though_they_come_at_once(site: Site) -> None:
    names = [f"ME{number}" for number in range(6)]
    for number, name in enumerate(names):
        site.files[name] = gives(JPEG + bytes([number]))
    with_files(site, *(media(site, name) for name in names))
    is_said(site, "look" + " [image/jpeg kept]" * 6)
    assert count(site, "files") == 6


def test_the_accounts_secret_goes_nowhere_else(site: Site) -> None:
    elsewhere = site.outside.origin.replace("127.0.0.1", "localhost")
    site.files["ME1"] = lambda talk: talk.answer(b"", "307 Moved", location=f"{elsewhere}/Media/ME2")
    site.files["ME2"] = gives(PNG)
    with_files(site, media(site, "ME1"), f"{elsewhere}/Media/ME2")
    is_said(site, "look [image/png kept] [image/png kept]")
    paths = [(talk.path.rpartition("/")[2], "authorization" in talk.headers) for talk in site.outside.talks]
    assert sorted(one for one in paths if one[0].startswith("ME")) == [("ME1", True), ("ME2", False), ("ME2", False)]


def test_a_file_that_is_not_there_yet_is_fetched_later(site: Site) -> None:
    answers = ["404 Not Found", "500 Internal Server Error", "200 OK"]
    site.files["ME1"] = lambda talk: talk.answer(PNG, answers.pop(0))
    with_files(site, media(site, "ME1"))
    until(lambda: len(answers) == 2, "it was tried")
    until(lambda: attempts(site) == [("queued", 1, 1)], f"it waits ({attempts(site)})")
    site.seeded.move_clock(3)
    until(lambda: attempts(site) == [("queued", 2, 2)], f"it waits again ({attempts(site)})")
    site.seeded.move_clock(11)
    is_said(site, "look [image/png kept]")
    assert attempts(site) == [("sent", 3, 2)]


def test_after_a_day_the_message_says_that_a_file_is_missing_and_people_see_why(site: Site) -> None:
    site.files["ME1"] = lambda talk: talk.answer(b"", "401 Unauthorized")
    with_files(site, media(site, "ME1"))
    for failures in range(1, 8):
        until(lambda failures=failures: attempts(site) == [("queued", failures, failures)], "the next attempt")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        site.seeded.move_clock(61_000)
    is_said(site, "look [not fetched: image/png]")
    assert site.seeded.rows("SELECT kind, message FROM problems WHERE kind = 'media_unreachable'") == [
        ("media_unreachable", "A file of a message could not be fetched: The provider answered with status 401.")
    ]


def test_a_worker_that_dies_meanwhile_costs_nothing(site: Site) -> None:
    site.files["ME1"] = gives(PNG)
    site.process.kill()  # the next one fetches it
    with_files(site, media(site, "ME1"))
    site.seeded.write("UPDATE effects SET state = 'sending', attempts = 1 WHERE kind = 'fetch_attachment'")
    site.process = Process(site.seeded.house).start()
    is_said(site, "look [image/png kept]")
    assert count(site, "files") == 1


def test_two_workers_fetch_each_file_once(site: Site) -> None:
    names = [f"ME{number}" for number in range(12)]
    for number, name in enumerate(names):
        site.files[name] = gives(JPEG + bytes([number]))
    second = Process(site.seeded.house).start()
    try:
        for half in (names[:6], names[6:]):
            with_files(site, *(media(site, name) for name in half))
        kept = "look" + " [image/jpeg kept]" * 6
        until(lambda: site.said().count(kept) == 2, f"all are kept ({site.said()})")
    finally:
        second.stop()
    asked = [talk.path.rpartition("/")[2] for talk in site.outside.talks if "/Media/" in talk.path]
    assert sorted(asked) == sorted(names)


def test_a_repeated_webhook_fetches_nothing_twice(site: Site) -> None:
    site.files["ME1"] = gives(PNG)
    form = {"NumMedia": "1", "MediaUrl0": media(site, "ME1"), "MediaContentType0": "image/png"}
    assert {site.message("look", "SM1", **form) for _ in range(3)} == {"200"}
    is_said(site, "look [image/png kept]")
    assert count(site, "effects WHERE kind = 'fetch_attachment'") == 1


def attempts(site: Site) -> list[tuple[Any, ...]]:
    return site.seeded.rows("SELECT state, attempts, failures FROM effects WHERE kind = 'fetch_attachment'")


def count(site: Site, what: str) -> int:
    ((found,),) = site.seeded.rows(f"SELECT count(*) FROM {what}")  # noqa: S608 - from constants
    return int(found)
