"""Twilio's calls: what each request of a carrier means."""

import pytest

from app.channels.arrival import Arrival, Report
from app.channels.contract import Unreadable
from app.channels.registry import channel_of
from flows.event import CallerHungUp, CallPolled, CallStarted, DialEnded, Happening, KeysPressed, Recorded
from tests.twilio_house import OURS, THEIRS, a_call, connection, webhook

TWILIO = channel_of("twilio")


def turn(query: str, **fields: str) -> list[Report]:
    pairs = [(pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&")]
    found = TWILIO.parse(connection(), webhook("calls/turn", a_call(**fields), pairs))
    return [entry for entry in found if isinstance(entry, Report)]


def test_the_first_request_is_turn_0() -> None:
    (found,) = TWILIO.parse(connection(), webhook("calls", a_call(CallStatus="ringing", CallerName="ALA")))
    assert found == Arrival(
        provider_id="CA1:0",
        happened=CallStarted("CA1", THEIRS, OURS),
        address=THEIRS,
        number=OURS,
        call_id="CA1",
        contact_name="ALA",
    )


@pytest.mark.parametrize(
    "hidden", ["anonymous", "+266696687", "Restricted", "+7378742833", "unknown", "sip:anonymous@x.y", ""]
)
def test_a_caller_who_withholds_the_number_is_a_contact_of_their_own(hidden: str) -> None:
    (found,) = TWILIO.parse(connection(), webhook("calls", a_call(From=hidden)))
    assert isinstance(found, Arrival)
    assert (found.address_kind, found.address) == ("withheld", "CA1")
    assert found.happened == CallStarted("CA1", "", OURS)


def test_a_sip_caller_is_kept_as_text() -> None:
    (found,) = TWILIO.parse(connection(), webhook("calls", a_call(From="sip:ala@example.com")))
    assert isinstance(found, Arrival)
    assert (found.address_kind, found.address) == ("sender", "sip:ala@example.com")


TURNS: list[tuple[str, dict[str, str], Happening]] = [
    ("turn=3&after=gather", {"Digits": "12"}, KeysPressed("12")),
    ("turn=3&after=gather", {"Digits": ""}, KeysPressed()),
    ("turn=3&after=gather", {}, KeysPressed()),
    ("turn=3&after=gather", {"Digits": "1x2<3>*#A"}, KeysPressed("123*#A")),
    ("turn=3&after=gather", {"SpeechResult": "yes", "Confidence": "0.9"}, KeysPressed("", "yes", 0.9)),
    ("turn=3&after=gather", {"SpeechResult": "yes", "Confidence": "nan"}, KeysPressed("", "yes", 0.0)),
    ("turn=3&after=gather", {"SpeechResult": "yes", "Confidence": "7"}, KeysPressed("", "yes", 1.0)),
    ("turn=3&after=gather&empty=1", {}, KeysPressed()),
    ("turn=3&after=pause", {}, CallPolled()),
    ("turn=3", {}, CallPolled()),
    ("turn=3", {"Digits": "1"}, KeysPressed("1")),
    ("turn=3", {"DialCallStatus": "busy"}, DialEnded("busy")),
    ("turn=3&after=dial", {"DialCallStatus": "completed", "DialCallDuration": "61"}, DialEnded("completed", 0, 61)),
    ("turn=3&after=dial", {"DialCallStatus": "answered"}, DialEnded("completed")),
    ("turn=3&after=dial", {"DialCallStatus": "no-answer"}, DialEnded("no-answer")),
    ("turn=3&after=dial", {"DialCallStatus": "canceled"}, DialEnded("canceled")),
    ("turn=3&after=dial", {"DialCallStatus": "failed", "DialSipResponseCode": "486"}, DialEnded("failed", 486)),
    ("turn=3&after=dial", {"DialCallStatus": "exploded"}, DialEnded("failed")),
    ("turn=3&after=dial", {}, DialEnded("failed")),
    (
        "turn=3&after=record&recording=7/1/0",
        {"RecordingUrl": "https://api.example.com/RE1", "RecordingDuration": "6", "Digits": "#"},
        Recorded("7/1/0", "https://api.example.com/RE1", 6),
    ),
    ("turn=3&after=record&recording=7/1/0&empty=1", {}, Recorded("7/1/0")),
    ("turn=3&recording=7/1/0", {"RecordingStatus": "absent", "RecordingDuration": "0"}, Recorded("7/1/0")),
    ("turn=3&after=record&recording=1", {"RecordingUrl": "x", "RecordingDuration": "-1"}, Recorded("1", "x", 0)),
]


@pytest.mark.parametrize(("query", "fields", "happened"), TURNS)
def test_a_later_request_reports_what_happened(query: str, fields: dict[str, str], happened: Happening) -> None:
    (report,) = turn(query, **fields)
    assert report.happened == happened
    assert (report.provider_id, report.call_id, report.turn) == ("CA1:3", "CA1", 3)


def test_a_gather_and_the_redirect_behind_it_are_one_event() -> None:
    (by_gather,) = turn("turn=3&after=gather", Digits="1")
    (by_redirect,) = turn("turn=3&after=gather&empty=1")
    assert by_gather.provider_id == by_redirect.provider_id


def test_a_recording_is_one_event_whoever_tells_it() -> None:
    told = {"RecordingUrl": "https://api.example.com/RE1", "RecordingDuration": "6"}
    (by_call,) = turn("turn=3&after=record&recording=7/1/0", **told)
    query = [("turn", "3"), ("recording", "7/1/0")]
    (by_status,) = TWILIO.parse(connection(), webhook("calls/recording", a_call(**told), query))
    assert by_call == by_status


def test_a_turn_of_a_call_that_ended_reports_the_end_too() -> None:
    report, ended = turn("turn=3&after=dial", DialCallStatus="completed", CallStatus="completed", CallDuration="70")
    assert report.happened == DialEnded("completed")
    assert (ended.kind, ended.happened) == ("caller_hung_up", CallerHungUp(70))


def test_form_fields_cannot_stand_in_for_the_address() -> None:
    with pytest.raises(Unreadable, match="no turn"):
        TWILIO.parse(connection(), webhook("calls/turn", a_call(turn="3")))


@pytest.mark.parametrize("number", ["", "-1", "1.5", "abc", "²", "99999999999"])
def test_a_turn_must_be_a_number(number: str) -> None:
    with pytest.raises(Unreadable, match="no turn"):
        turn(f"turn={number}")


@pytest.mark.parametrize("word", ["completed", "busy", "no-answer", "failed", "canceled"])
def test_the_end_of_a_call_brings_its_arrival_along(word: str) -> None:
    form = a_call(CallStatus=word, CallDuration="12", SequenceNumber="3")
    arrival, ended = TWILIO.parse(connection(), webhook("calls/status", form))
    assert isinstance(arrival, Arrival)
    assert arrival.provider_id == "CA1:0"
    assert isinstance(ended, Report)
    assert (ended.kind, ended.provider_id, ended.happened) == ("caller_hung_up", "CA1:status:ended", CallerHungUp(12))


def test_the_end_of_a_call_is_one_event_whoever_tells_it() -> None:
    by_turn = turn("turn=3&after=gather", CallStatus="completed")[-1]
    by_status = TWILIO.parse(connection(), webhook("calls/status", a_call(CallStatus="completed")))[-1]
    assert by_turn.provider_id == by_status.provider_id


@pytest.mark.parametrize(
    "fields",
    [{"CallStatus": "ringing"}, {"CallStatus": "in-progress"}, {"CallStatus": "completed", "ParentCallSid": "CA0"}],
)
def test_other_news_about_a_call_says_nothing(fields: dict[str, str]) -> None:
    assert TWILIO.parse(connection(), webhook("calls/status", a_call(**fields))) == []


def test_a_call_of_ours_that_ended_is_no_arrival() -> None:
    form = a_call(CallStatus="completed", Direction="outbound-api")
    (ended,) = TWILIO.parse(connection(), webhook("calls/status", form))
    assert ended.provider_id == "CA1:status:ended"
