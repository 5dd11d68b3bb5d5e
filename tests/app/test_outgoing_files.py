"""Files that go out with messages: stored ones by a signed address of ours, others as they are, and what is refused."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.channels.contract import OutgoingMessage, SendFailed
from app.channels.twilio_files import refuse_files
from app.config import Settings
from flows.effect import SendMessage
from flows.event import Attachment
from tests.app.processes import until
from tests.attacks.bad_input_site import ANNA, OURS, PUBLIC, Site, bad_input_site

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
ELSEWHERE = "https://cdn.example.com/map.png"


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with bad_input_site(settings) as made:
        yield made


def upload(site: Site, content: bytes) -> str:
    """The hash by which a flow names the file."""
    answer = site.web.post("/api/v1/files", data=content, headers=dict(site.seeded.headers))
    assert answer.status_code == 201
    return str(answer.get_json()["sha256"])


def publish(site: Site, **file: str) -> Any:
    """A flow that answers “map” on the hotline and on the chat page with a file, and tells what went wrong."""
    words = {"match": "keywords", "keywords": ["map"]}
    row = {"media_type": "image/png", "name": "map.png", **file}
    told = {"text": {"en": "Sorry: {{ error.kind }}."}, "wait_for": "nothing"}
    drawn = {
        "format": 1,
        "name": "Map",
        "languages": ["en"],
        "steps": {
            "in": {
                "type": "incoming_message",
                "config": {"numbers": ["hotline", "web-chat"], **words},
                "exits": {"next": "show"},
            },
            "show": {
                "type": "send_message",
                "config": {"text": {"en": "Here we are."}, "media": [row]},
                "exits": {"success": "end", "failure": "sorry"},
            },
            "sorry": {"type": "send_message", "config": told, "exits": {"success": "end"}},
        },
    }
    headers = dict(site.seeded.headers)
    assert site.web.post("/api/v1/flows", json={"document": drawn}, headers=headers).status_code == 201
    return site.web.post("/api/v1/flows/Map/publish", json={"revision": 1}, headers=headers)


def media_of_sent(site: Site) -> list[str]:
    """The addresses that Twilio was given, message by message."""
    forms = [dict(parse_qsl(talk.body.decode())) for talk in site.outside.talks if talk.path.endswith("/Messages.json")]
    return [form["MediaUrl"] for form in forms if "MediaUrl" in form]


def is_answered(site: Site, *words: str) -> None:
    assert site.message("the map, please") == "200"
    until(lambda: site.said() == ["the map, please", *words], f"Anna is answered ({site.said()})")


def test_twilio_is_given_a_signed_address_of_ours_for_a_stored_file(site: Site) -> None:
    assert publish(site, file=upload(site, PNG)).status_code == 201
    is_answered(site, "> Here we are. [map.png kept]")
    (address,) = media_of_sent(site)
    assert address.startswith(f"{PUBLIC}/files/")
    got = site.web.get(address.removeprefix(PUBLIC))
    assert (got.data, got.mimetype) == (PNG, "image/png")


def test_a_public_address_is_passed_as_it_is(site: Site) -> None:
    assert publish(site, url=ELSEWHERE).status_code == 201
    is_answered(site, "> Here we are. [map.png]")
    assert media_of_sent(site) == [ELSEWHERE]


@pytest.mark.parametrize("named", ["file", "url"])
def test_the_chat_page_shows_it(site: Site, named: str) -> None:
    assert publish(site, **{named: upload(site, PNG) if named == "file" else ELSEWHERE}).status_code == 201
    token = site.web.post("/chat/web-chat/visits", json={}).get_json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"key": "8b0a5b1e-0000-4000-8000-000000000001", "text": "the map, please"}
    site.web.post("/chat/web-chat/messages", json=body, headers=headers)

    until(lambda: site.seeded.rows("SELECT 1 FROM messages WHERE direction = 'out'"), "the answer is there")
    messages = site.web.get("/chat/web-chat/messages", headers=headers).get_json()["messages"]
    (item,) = [item for message in messages if message["from"] == "flow" for item in message["media"]]
    assert (item["name"], item["media_type"]) == ("map.png", "image/png")
    if named == "url":
        assert item["url"] == ELSEWHERE
    else:
        assert item["size_bytes"] == len(PNG)
        assert site.web.get(item["url"]).data == PNG


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG + b"\x00" * 5_000_000, "media_too_large"),
        (b"just words", "media_not_accepted"),
        (b"MZ\x90\x00", "media_not_accepted"),
    ],
)
def test_what_twilio_does_not_take_is_named_before_it_is_asked(site: Site, content: bytes, kind: str) -> None:
    assert publish(site, file=upload(site, content)).status_code == 201
    is_answered(site, "> Here we are. [map.png kept]", f"> Sorry: {kind}.")
    assert media_of_sent(site) == []


def test_a_file_that_was_never_stored_blocks_publishing(site: Site) -> None:
    refused = publish(site, file="0" * 64)
    assert refused.status_code == 422
    (finding,) = [one for one in refused.get_json()["details"]["findings"] if one["severity"] == "blocking"]
    assert (finding["code"], finding["field"]) == ("missing_reference", "media.0.file")


def test_a_file_that_is_gone_since_fails_with_its_name(site: Site) -> None:
    assert publish(site, file=upload(site, PNG)).status_code == 201
    site.seeded.write("DELETE FROM files")
    is_answered(site, "> Here we are. [map.png kept]", "> Sorry: media_unreachable.")


@pytest.mark.parametrize("row", [{}, {"file": "0" * 64, "url": ELSEWHERE}])
def test_a_row_names_an_address_or_a_stored_file(site: Site, row: dict[str, str]) -> None:
    assert publish(site, **row).status_code == 422


def file(media_type: str, megabytes: float = 1) -> Attachment:
    return Attachment(media_type, "a file", file="7", size_bytes=int(megabytes * 1_000_000))


TAKEN = [
    (OURS, [file("image/png", 5)], ""),
    (OURS, [file("image/png", 3), file("image/png", 3)], "media_too_large"),
    ("whatsapp:" + OURS, [file("video/mp4", 16)], ""),
    ("whatsapp:" + OURS, [file("video/mp4", 16.1)], "media_too_large"),
    (OURS, [file("image/webp")], "media_not_accepted"),
    ("whatsapp:" + OURS, [file("image/webp")], ""),
    (OURS, [Attachment("text/plain", url=ELSEWHERE)], ""),  # Twilio itself looks what lies there
]


@pytest.mark.parametrize(("sender", "media", "kind"), TAKEN)
def test_each_way_has_its_bounds(sender: str, media: list[Attachment], kind: str) -> None:
    outgoing = OutgoingMessage("1/1/0", 1, sender, ANNA, SendMessage("look", media=tuple(media)))
    if not kind:
        refuse_files(outgoing)
        return
    with pytest.raises(SendFailed, match=r"MB|does not take") as refused:
        refuse_files(outgoing)
    assert (refused.value.kind, refused.value.final) == (kind, True)
