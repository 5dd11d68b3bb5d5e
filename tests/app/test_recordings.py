"""Recordings of calls: told twice, fetched once, kept as a file and in the conversation, however the call ends."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from app import publishing
from app.channels.simulated import silence
from app.channels.twiml_lint import problems
from app.config import Settings
from app.db import now
from app.directory import seal_secrets
from app.models import Connection, Number
from flows import document
from flows.run import Run
from flows.wire import read
from tests.app.drawn import drawn, placed, sends
from tests.app.processes import Process, until
from tests.app.raw_server import Talk
from tests.attacks.bad_input_site import ACCOUNT, ANNA, PUBLIC, SECRET, Site, bad_input_site

LINE = "+15005550111"
WAV = silence(3)
FLOW = drawn(
    "Voicemail",
    {
        "in": placed("incoming_call", {"numbers": ["voicemail"]}, next="record"),
        "record": placed(
            "record_message",
            {"variable": "voicemail", "minimum_seconds": 2},
            recorded="thanks",
            too_short="short",
            failure="lost",
        ),
        "thanks": placed("say", {"text": {"en": "Thank you."}}, next="tell"),
        "tell": sends("We have your {{ voicemail.seconds }} seconds."),
        "short": placed("say", {"text": {"en": "That was short."}}, next="end"),
        "lost": placed("say", {"text": {"en": "Sorry: {{ error.kind }}."}}, next="end"),
        "left": sends("You left."),
    },
    on_hang_up="left",
)


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with voicemail_site(settings) as made:
        yield made


@pytest.fixture
def quick_site(sqlite_url: str, redis_url: str, data_folder: Path) -> Iterator[Site]:
    """For what is no business of the database's."""
    told = {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "PATCHBAY_DATA": str(data_folder)}
    with voicemail_site(Settings.from_environment(told)) as made:
        yield made


@contextmanager
def voicemail_site(settings: Settings) -> Iterator[Site]:
    with bad_input_site(settings) as made:
        with made.seeded.house.database.transaction() as session:
            twilio = session.query(Connection).filter_by(name="twilio").one()
            at = now(session)
            line = Number(name="voicemail", connection_id=twilio.id, value=LINE, answers_calls=True, created_at=at)
            session.add(line)
            session.flush()
            draft = publishing.create(session, document.from_data(FLOW), "tests")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, made.seeded.house, row, draft.revision, publishing.Order("tests", ""))
        yield made


def posts(site: Site, path: str, secret: str = SECRET, **fields: str) -> TestResponse:
    """A webhook of the call CA1, signed by Twilio's own SDK."""
    form = {"CallSid": "CA1", "From": ANNA, "To": LINE, "CallStatus": "in-progress"} | fields
    signature = RequestValidator(secret).compute_signature(f"{PUBLIC}/hooks/twilio/{path}", form)
    address, headers = f"/hooks/twilio/{path}", {"X-Twilio-Signature": signature}
    answer = site.web.post(address, base_url=PUBLIC, data=form, headers=headers)
    site.process.runner.wake()
    return answer


def call(site: Site) -> tuple[str, str]:
    """A call as far as the beep: where the recording is told by the call, and by its status callback."""
    text = posts(site, "calls").text
    assert problems(text) == []
    found = re.search(r'<Record action="([^"]+)".* recordingStatusCallback="([^"]+)"', text)
    assert found, text
    turn, status = (one.replace("&amp;", "&").removeprefix(f"{PUBLIC}/hooks/twilio/") for one in found.groups())
    return turn, status


def made(site: Site, seconds: int = 3, name: str = "RE1") -> dict[str, str]:
    """What a carrier tells of a recording that it keeps beside the account's media."""
    url = f"{site.outside.origin}/2010-04-01/Accounts/{ACCOUNT}/Recordings/Media/{name}"
    return {"RecordingUrl": url, "RecordingDuration": str(seconds), "RecordingSid": name}


def gives(content: bytes, status: str = "200 OK") -> Callable[[Talk], None]:
    return lambda talk: talk.answer(content, status, content_type="audio/x-wav")


def hears(site: Site, turn: int, words: str) -> None:
    """The caller comes back from silence until these words are said."""
    heard: list[str] = []
    for number in range(turn, turn + 20):
        heard.append(posts(site, f"calls/turn?turn={number}&after=pause").text)
        assert problems(heard[-1]) == []
        if words in heard[-1]:
            return
        until(lambda: count(site, "effects WHERE kind = 'fetch_recording' AND state = 'queued'") == 0, "it is tried")
    raise AssertionError(f"{words!r} was never said: {heard}")


def count(site: Site, what: str) -> int:
    ((found,),) = site.seeded.rows(f"SELECT count(*) FROM {what}")  # noqa: S608 - from constants
    return int(found)


def variables(site: Site) -> Mapping[str, Any]:
    ((state,),) = site.seeded.rows("SELECT state FROM runs")
    return read(Run, state).variables


def outcome(site: Site) -> str:
    ((found,),) = site.seeded.rows("SELECT outcome FROM runs")
    return str(found)


def fetched(site: Site) -> list[str]:
    return [talk.path.rpartition("/")[2] for talk in site.outside.talks if "/Media/" in talk.path]


KEPT = " [recording-PB-10001.wav kept]"


def test_a_recording_is_kept_as_a_file_and_shown_in_its_conversation(site: Site) -> None:
    site.files["RE1"] = gives(WAV)
    turn, _ = call(site)
    assert "<Pause" in posts(site, turn, **made(site)).text
    hears(site, 2, "Thank you.")
    until(lambda: site.said() == [KEPT, "> We have your 3 seconds."], f"all is said ({site.said()})")
    (talk,) = [talk for talk in site.outside.talks if "/Media/" in talk.path]
    assert base64.b64decode(talk.headers["authorization"].removeprefix("Basic ")).decode() == f"{ACCOUNT}:{SECRET}"
    ((sha, size, kind),) = site.seeded.rows("SELECT sha256, size_bytes, media_type FROM files")
    assert (size, kind) == (len(WAV), "audio/wav")
    assert variables(site)["voicemail"]["file"] == sha


def test_however_often_a_carrier_tells_of_it_there_is_one_recording(site: Site) -> None:
    site.files["RE1"] = gives(WAV)
    turn, status = call(site)
    documents = {posts(site, turn, **made(site)).text for _ in range(3)}
    assert len(documents) == 1
    assert [posts(site, status, RecordingStatus="completed", **made(site)).status_code for _ in range(3)] == [200] * 3
    hears(site, 2, "Thank you.")
    until(lambda: len(site.said()) == 2, "all is said")
    assert (fetched(site), count(site, "files"), count(site, "effects WHERE kind = 'fetch_recording'")) == (
        ["RE1"],
        1,
        1,
    )
    assert site.said().count(KEPT) == 1


LEAVING: list[tuple[str, list[tuple[str, dict[str, str]]]]] = [
    ("as Twilio tells it", [("turn", {"CallStatus": "completed", "Digits": "hangup"}), ("end", {}), ("status", {})]),
    ("its end first", [("end", {}), ("turn", {"CallStatus": "completed", "Digits": "hangup"}), ("status", {})]),
    ("by its status callback alone", [("end", {}), ("status", {})]),
    ("by its status callback before the end", [("status", {}), ("end", {})]),
]


@pytest.mark.parametrize("told", [row[1] for row in LEAVING], ids=[row[0] for row in LEAVING])
def test_a_caller_who_hangs_up_keeps_what_was_recorded(
    quick_site: Site, told: list[tuple[str, dict[str, str]]]
) -> None:
    quick_site.files["RE1"] = gives(WAV)
    turn, status = call(quick_site)
    for what, fields in told:
        path = {"turn": turn, "status": status, "end": "calls/status"}[what]
        news = {"CallStatus": "completed", "CallDuration": "9"} if what == "end" else made(quick_site)
        assert posts(quick_site, path, **(news | fields)).status_code == 200
    until(lambda: quick_site.said() == [KEPT, "> We have your 3 seconds."], f"it is kept ({quick_site.said()})")
    assert variables(quick_site)["voicemail"]["seconds"] == 3
    assert outcome(quick_site) == "completed"
    assert fetched(quick_site) == ["RE1"]


def test_what_the_flow_does_after_a_call_waits_for_the_recording(quick_site: Site) -> None:
    quick_site.files["RE1"] = gives(WAV)
    _, status = call(quick_site)
    posts(quick_site, "calls/status", CallStatus="completed")
    posts(quick_site, status, RecordingStatus="absent", RecordingDuration="0")
    until(lambda: outcome(quick_site) == "completed", "it is over")
    assert quick_site.said() == [], (
        "too short, and the flow ended by itself before anybody asked what comes after the call"
    )


@pytest.mark.parametrize("fields", [{"RecordingDuration": "1"}, {}])
def test_next_to_nothing_is_too_short(quick_site: Site, fields: dict[str, str]) -> None:
    turn, _ = call(quick_site)
    told = made(quick_site, 1) | fields if fields else {}
    assert "That was short." in posts(quick_site, turn if fields else f"{turn}&empty=1", **told).text


def test_a_file_that_is_not_there_yet_is_fetched_later(quick_site: Site) -> None:
    answers = ["404 Not Found", "200 OK"]
    quick_site.files["RE1"] = lambda talk: talk.answer(WAV, answers.pop(0))
    turn, _ = call(quick_site)
    posts(quick_site, turn, **made(quick_site))
    until(lambda: len(answers) == 1, "it was tried")
    until(lambda: count(quick_site, "effects WHERE kind = 'fetch_recording' AND failures = 1") == 1, "it waits")
    quick_site.seeded.move_clock(3)
    hears(quick_site, 2, "Thank you.")


def test_a_caller_does_not_wait_for_ever_and_the_recording_is_kept_all_the_same(quick_site: Site) -> None:
    quick_site.files["RE1"] = gives(b"", "503 Service Unavailable")
    turn, _ = call(quick_site)
    posts(quick_site, turn, **made(quick_site))
    until(lambda: count(quick_site, "effects WHERE kind = 'fetch_recording' AND failures = 1") == 1, "it was tried")
    quick_site.files["RE1"] = gives(WAV)
    quick_site.seeded.write("UPDATE effects SET next_attempt_at = next_attempt_at + 60000000")
    quick_site.seeded.move_clock(31)
    until(lambda: outcome(quick_site) == "completed", "the run has gone on")
    assert "Sorry: storage_failed." in posts(quick_site, "calls/turn?turn=2&after=pause").text
    quick_site.seeded.move_clock(61)
    until(lambda: quick_site.said() == [KEPT], f"it is kept ({quick_site.said()})")


def test_what_is_no_sound_is_not_kept(quick_site: Site) -> None:
    quick_site.files["RE1"] = gives(b"<html>404</html>")
    turn, _ = call(quick_site)
    posts(quick_site, turn, **made(quick_site))
    hears(quick_site, 2, "Sorry: storage_failed.")
    kinds = quick_site.seeded.rows("SELECT kind, message FROM problems ORDER BY id")
    assert ("media_unreachable", "A recording could not be fetched: It is no sound, but text/plain.") in kinds
    assert count(quick_site, "files") == 0


def test_a_worker_that_dies_meanwhile_loses_nothing(site: Site) -> None:
    site.files["RE1"] = gives(WAV)
    turn, _ = call(site)
    site.process.kill()
    posts(site, turn, **made(site))
    site.seeded.write("UPDATE effects SET state = 'sending', attempts = 1 WHERE kind = 'fetch_recording'")
    site.process = Process(site.seeded.house).start()
    hears(site, 2, "Thank you.")
    assert count(site, "files") == 1


def test_nobody_but_the_carrier_tells_of_recordings(quick_site: Site) -> None:
    turn, status = call(quick_site)
    for path in (turn, status):
        assert posts(quick_site, path, secret="guessed", **made(quick_site)).status_code == 403
    assert posts(quick_site, status.replace("turn=1", "turn=x"), **made(quick_site)).status_code == 400
    assert count(quick_site, "effects WHERE kind = 'fetch_recording'") == 0


def test_a_whisper_is_spoken_by_its_own_signed_address(quick_site: Site) -> None:
    path = "calls/whisper?text=P%C5%82atny+%26+pilny&language=pl"
    answer = posts(quick_site, path, CallSid="CA2", ParentCallSid="CA1")
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert problems(answer.text, of_whisper=True) == []
    assert "Płatny &amp; pilny" in answer.text
    assert posts(quick_site, path, secret="guessed").status_code == 403
    assert json.loads(posts(quick_site, path, secret="guessed").text)["code"] == "unsigned"
    assert count(quick_site, "inbound_events") == 0


def test_a_connection_without_calls_has_no_whisper(quick_site: Site) -> None:
    house = quick_site.seeded.house
    with house.database.transaction() as session:
        shop = Connection(name="shop", kind="webhook", settings='{"key": "id"}', created_at=now(session))
        shop.sealed = seal_secrets("shop", {"secret": SECRET}, house.key)
        session.add(shop)
    body = b'{"id": "1"}'
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = quick_site.web.post(
        "/hooks/shop/calls/whisper?text=hello",
        data=body,
        content_type="application/json",
        headers={"X-Signature": signature},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (400, "unreadable")
