"""Uploaded sounds on a call: published only when they are sounds, fetched by the carrier, gone in between."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import publishing
from app.channels.simulated import silence
from app.channels.twiml_lint import problems
from app.config import Settings
from app.db import now
from app.models import Connection, Number
from app.telephone.line import Line
from flows import document
from tests.app.drawn import drawn, placed
from tests.app.processes import until
from tests.app.raw_server import Talk, serving
from tests.app.test_recordings import posts
from tests.attacks.bad_input_site import PUBLIC, Site, bad_input_site

LINE = "+15005550111"
HELLO, PROMPT, PICTURE = silence(1), silence(2), b"\x89PNG\r\n\x1a\n" + b"x" * 50


def uploaded(site: Site, content: bytes, name: str) -> tuple[int, str]:
    """A file's id and hash."""
    headers = dict(site.seeded.headers)
    made = site.web.post("/api/v1/files", data=content, headers=headers).get_json()
    site.web.patch(f"/api/v1/files/{made['id']}", json={"name": name}, headers=headers)
    return made["id"], made["sha256"]


def flow(hello: str, prompt: str) -> dict[str, Any]:
    """A greeting and a menu whose words are sounds."""
    menu = {"prompt_sounds": [{"file": prompt}], "choices": [{"key": "1"}], "attempts": 2}
    steps = {
        "in": placed("incoming_call", {"numbers": ["line"]}, next="hello"),
        "hello": placed("say", {"sounds": [{"file": hello}]}, next="menu", failure="gone"),
        "menu": placed("menu", menu, key_1="bye", no_input="bye", invalid="bye", failure="gone"),
        "bye": placed("say", {"text": {"en": "Goodbye."}}, next="end"),
        "gone": placed("say", {"text": {"en": "Sorry: {{ error.kind }}."}}, next="end"),
    }
    return drawn("Sounds", steps)


def publish(site: Site, told: dict[str, Any]) -> list[str]:
    """The codes of the findings that keep the flow from being published; none: it is live."""
    headers = dict(site.seeded.headers)
    with site.seeded.house.database.transaction() as session:
        draft = publishing.create(session, document.from_data(told), "tests")
    answer = site.web.post(f"/api/v1/flows/{draft.name}/publish", json={"revision": draft.revision}, headers=headers)
    findings = answer.get_json().get("details", {}).get("findings", [])
    assert (answer.status_code == 201) is not bool(findings), answer.get_json()
    return [one["code"] for one in findings if one["severity"] == "blocking"]


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with bad_input_site(settings) as made:
        with made.seeded.house.database.transaction() as session:
            twilio = session.query(Connection).filter_by(name="twilio").one()
            at = now(session)
            session.add(Number(name="line", connection_id=twilio.id, value=LINE, answers_calls=True, created_at=at))
        yield made


def played(text: str) -> list[str]:
    """The addresses of the sounds in a document that a carrier can execute."""
    assert problems(text) == []
    return re.findall(r"<Play>([^<]+)</Play>", text)


def fetched(site: Site, address: str) -> TestResponse:
    """What a carrier gets at such an address: it has no token, only the signature in it."""
    assert address.startswith(f"{PUBLIC}/files/")
    return site.web.get(address.removeprefix(PUBLIC), base_url=PUBLIC)


def test_a_caller_hears_uploaded_sounds_at_addresses_that_the_carrier_can_fetch(site: Site) -> None:
    (_, hello), (_, prompt) = uploaded(site, HELLO, "hello.wav"), uploaded(site, PROMPT, "menu.wav")
    assert publish(site, flow(hello, prompt)) == []
    first = posts(site, "calls").text
    hello_at, prompt_at = played(first)
    for address, content, name in ((hello_at, HELLO, "hello.wav"), (prompt_at, PROMPT, "menu.wav")):
        answer = fetched(site, address)
        assert (answer.status_code, answer.data, answer.mimetype) == (200, content, "audio/wav")
        assert name in answer.headers["Content-Disposition"]
    assert fetched(site, hello_at[:-1] + ("0" if hello_at[-1] != "0" else "1")).status_code == 404
    assert posts(site, "calls").text == first
    assert played(posts(site, "calls/turn?turn=1&after=gather&empty=1").text) == [prompt_at]
    assert "Goodbye." in posts(site, "calls/turn?turn=2&after=gather", Digits="1").text
    posts(site, "calls/status", CallStatus="completed", CallDuration="9")
    until(lambda: site.seeded.rows("SELECT 1 FROM runs WHERE status = 'ended'") != [], "the run is over")
    kept = [text for row in site.seeded.rows("SELECT record, trace FROM turns") for text in row]
    assert not [text for text in kept if "/files/" in text]  # who reads a trace is not given the file
    site.process.stop()  # so that nothing is on its way while the clock is moved
    site.seeded.move_clock(11 * 3_600)  # a call is shorter
    assert fetched(site, prompt_at).data == PROMPT
    site.seeded.move_clock(14 * 3_600)
    assert fetched(site, prompt_at).status_code == 404
    assert posts(site, "calls").text == first  # a repeated webhook gets the same bytes all the same
    site.seeded.move_clock(-25 * 3_600)


def test_a_sound_that_was_deleted_in_between_is_a_failure_that_people_see(site: Site) -> None:
    (number, hello), (_, prompt) = uploaded(site, HELLO, "hello.wav"), uploaded(site, PROMPT, "menu.wav")
    assert publish(site, flow(hello, prompt)) == []
    headers = dict(site.seeded.headers)
    assert site.web.delete(f"/api/v1/files/{number}", headers=headers).get_json()["code"] == "in_use"
    assert len(played(posts(site, "calls").text)) == 2
    site.seeded.write("DELETE FROM files WHERE sha256 = :prompt", prompt=prompt)  # an operator's hand
    assert "Sorry: audio_unreachable." in posts(site, "calls/turn?turn=1&after=gather&empty=1").text
    assert site.seeded.rows("SELECT kind, step FROM problems WHERE step <> ''") == [("audio_unreachable", "menu")]


def test_only_sounds_that_are_there_can_be_published(site: Site) -> None:
    (_, picture), (_, prompt) = uploaded(site, PICTURE, "logo.png"), uploaded(site, PROMPT, "menu.wav")
    assert publish(site, flow("ab" * 32, prompt)) == ["missing_reference"]
    assert publish(site, {**flow(picture, prompt), "name": "Picture"}) == ["file_unsuitable"]


def test_the_simulated_telephone_names_what_it_plays() -> None:
    def answer(talk: Talk) -> None:
        if talk.path == "/files/7/signed":
            name = "attachment; filename*=UTF-8''dzie%C5%84%20dobry.wav"
            talk.answer(HELLO, content_type="audio/wav", content_disposition=name)
        else:
            talk.answer(b'{"error": "There is no file under this address."}', "404 Not Found")

    with serving(answer) as server:
        line = Line("secret", "play", PUBLIC, server.origin, "+1", "+2")
        assert line.sound(f"{PUBLIC}/files/7/signed") == "dzień dobry.wav (audio/wav)"
        assert line.sound(f"{PUBLIC}/files/8/signed") == "(no sound: There is no file under this address.)"
        assert line.sound("https://example.com/files/7/signed") == "https://example.com/files/7/signed"
