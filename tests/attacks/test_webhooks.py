"""Hostile webhooks: whatever a contact writes or a stranger posts, the answer is a sentence and nothing is lost."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.channels.arrival import Arrival, Report
from app.channels.contract import CallPlace, ChannelError, Unsigned, Webhook
from app.channels.registry import channel_of
from app.channels.twilio_signature import SIGNATURE_HEADER, require_signature, sign
from app.channels.twiml_lint import problems
from app.config import Settings
from app.models import Contact, InboundEvent, Message
from flows import wire
from flows.effect import Dial, Gather, HangUp, Pause, Play, Reject, Say, Verb
from flows.event import Happening
from tests.twilio_house import PUBLIC_URL, SECRET, TwilioHouse, a_call, connection, message, twilio_house

FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.fixture
def house(settings: Settings) -> Iterator[TwilioHouse]:
    with twilio_house(settings) as made:
        yield made


TEXTS = {
    "100,000 characters": "x" * 100_000,
    "emoji": "👩‍👩‍👧‍👦🙂" * 500,
    "right to left": "مرحبا \u202e\u2066 שלום",
    "combining marks": "Z" + "\u0301" * 5_000,
    "U+0000": "a\x00b",
    "a template": "{{ 7*7 }} {% for x in range(10**9) %}x{% endfor %}",
    "SQL": "'); DROP TABLE messages; --",
    "markup": "<script>alert(1)</script><Response><Dial>+1</Dial></Response>",
    "line breaks": "a\r\nSet-Cookie: x=1\r\n\r\nb",
    "a formula": '=HYPERLINK("http://evil.example")',
    "nothing": "",
    "only blanks": " \t\u200b",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_hostile_text_is_kept_as_text(house: TwilioHouse, text: str) -> None:
    answer = house.post("messages", message(Body=text, ProfileName=text[:3_000]))
    assert (answer.status_code, answer.data) == (200, b"")
    with house.house.database.reading() as session:
        stored = session.execute(select(Message.text)).scalar_one()
        name = session.execute(select(Contact.name)).scalar_one()
    assert stored == text.replace("\x00", "\ufffd")[:20_000]
    assert len(name) <= 200


RAW = {
    "invalid UTF-8": b"Body=\xff\xfe&From=%2B48600100200&To=%2B48221234567&MessageSid=SM1",
    "an encoded lone surrogate": b"Body=%ED%A0%80&From=%2B48600100200&To=%2B48221234567&MessageSid=SM1",
    "half an escape": b"Body=%&From=%2B48600100200&To=%2B48221234567&MessageSid=SM1%",
    "semicolons": b"MessageSid=SM1;From=%2B48600100200;To=%2B48221234567",
    "no names": b"=1&=2&=3",
    "zero bytes": b"\x00" * 1_000,
    "ampersands": b"&" * 100_000,
    "one field a thousand times": b"a=1&" * 1_000,
    "JSON in disguise": b'{"MessageSid": "SM1"}',
}


@pytest.mark.parametrize("body", RAW.values(), ids=RAW.keys())
def test_a_broken_form_is_refused_in_a_sentence(house: TwilioHouse, body: bytes) -> None:
    house.app.extensions["patchbay.hooks"].memory.find("main")
    headers = {SIGNATURE_HEADER: "0/KCTR6DLpKmkAf8muzZqo1nDgQ="}
    for path in ("messages", "messages/status", "calls", "calls/turn", "calls/status", "calls/fallback"):
        answer = house.client.post(f"/hooks/main/{path}", data=body, content_type=FORM_TYPE, headers=headers)
        assert answer.status_code in {400, 403, 413}
        assert answer.get_json()["error"].endswith(".")
    assert house.count(InboundEvent) == 0


ADDRESSES = [
    "/hooks/" + quote("../../etc/passwd", safe="") + "/messages",
    "/hooks/main/../../api/v1/flows",
    "/hooks/main%00/messages",
    "/hooks/main/messages/",
    "/hooks/main//messages",
    "/hooks/" + "x" * 5_000 + "/messages",
    "/hooks/%F0%9F%99%82/messages",
    "/hooks/main/calls/turn?turn=1&turn=2",
    "/hooks/main/",
    "/hooks/",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_strange_address_leads_nowhere(house: TwilioHouse, address: str) -> None:
    answer = house.client.post(address, data={"MessageSid": "SM1"})
    assert answer.status_code in {308, 400, 403, 404, 405}
    assert house.count(InboundEvent) == 0


FIELDS = [
    {"From": "\x00"},
    {"From": "+" + "9" * 100},
    {"From": "whatsapp:whatsapp:+48600100200"},
    {"From": "'; DROP TABLE contacts; --"},
    {"MessageSid": "SM\x001"},
    {"NumMedia": "99", "MediaUrl0": "javascript:alert(1)", "MediaContentType0": "x" * 10_000},
    {"NumMedia": "1", "MediaUrl0": "http://169.254.169.254/latest", "MediaContentType0": "image/png"},
    {"ButtonPayload": "{{ config }}\x00", "ButtonText": "🙂"},
]


@pytest.mark.parametrize("fields", FIELDS)
def test_hostile_fields_are_one_event_like_any_other(house: TwilioHouse, fields: dict[str, str]) -> None:
    assert house.post("messages", message() | fields).status_code == 200
    assert house.count(InboundEvent) == 1


CALL_FIELDS = [
    {"From": "+48 600\x00"},
    {"CallerName": "x" * 10_000},
    {"CallStatus": "exploded"},
    {"Direction": "sideways"},
]


@pytest.mark.parametrize("fields", CALL_FIELDS)
def test_hostile_calls_are_answered_with_a_document(house: TwilioHouse, fields: dict[str, str]) -> None:
    answer = house.post("calls", a_call() | fields)
    assert answer.status_code == 200
    assert problems(answer.text) == []


HOSTILE = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    [
        "+48600100200",
        "completed",
        "delivered",
        "whatsapp:",
        "sip:",
        "1",
        "-1",
        "9" * 30,
        "\x00",
        "\ud800",
        "²",
        "nan",
        "1e999",
    ]
)
NAMES = st.sampled_from(
    [
        "MessageSid",
        "SmsSid",
        "CallSid",
        "From",
        "To",
        "Body",
        "NumMedia",
        "MediaUrl0",
        "MediaContentType0",
        "MessageStatus",
        "ErrorCode",
        "CallStatus",
        "Digits",
        "SpeechResult",
        "Confidence",
        "DialCallStatus",
        "DialSipResponseCode",
        "CallDuration",
        "ButtonPayload",
        "ProfileName",
        "ParentCallSid",
        "Direction",
        "CallerName",
    ]
)
PAIRS = st.lists(st.tuples(NAMES, HOSTILE), max_size=25)
QUERY = st.lists(st.tuples(st.sampled_from(["turn", "after", "empty", "effect"]), HOSTILE), max_size=5)
PATHS = st.sampled_from(["messages", "messages/status", "calls", "calls/turn", "calls/status", "fax"])


@settings(max_examples=500, deadline=None, database=None)
@given(PATHS, PAIRS, QUERY)
def test_parsing_raises_nothing_but_a_sentence(
    path: str, form: list[tuple[str, str]], query: list[tuple[str, str]]
) -> None:
    webhook = Webhook(path, f"{PUBLIC_URL}/hooks/main/{path}", query, form, {}, b"")
    try:
        entries = channel_of("twilio").parse(connection(country="PL"), webhook)
    except ChannelError:
        return
    for entry in entries:
        assert isinstance(entry, Arrival | Report)
        assert 0 < len(entry.provider_id) <= 128 + 20
        if not isinstance(entry.happened, dict):
            assert wire.from_data(Happening, wire.to_data(entry.happened)) == entry.happened


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE), max_size=5), st.text(max_size=60))
def test_a_guessed_signature_opens_nothing(form: list[tuple[str, str]], guess: str) -> None:
    storable = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode()) for name, value in form
    ]
    url = f"{PUBLIC_URL}/hooks/main/messages"
    if guess == sign(SECRET, url, storable):
        return
    with pytest.raises(Unsigned):
        require_signature(SECRET, Webhook("messages", url, [], storable, {SIGNATURE_HEADER: guess}, b""))


SPOKEN = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
SMALL = st.integers(1, 9)
SAY: st.SearchStrategy[Say] = st.builds(Say, SPOKEN, st.sampled_from(["", "en", "pl", "xx"]), st.just(""), SMALL)
PLAY = st.builds(Play, SPOKEN.map(lambda text: f"https://x.example/{quote(text)}"), SMALL)
VERBS: st.SearchStrategy[list[Verb]] = st.lists(
    st.one_of(
        SAY,
        PLAY,
        st.builds(Pause, SMALL),
        st.builds(Gather, st.lists(SAY | PLAY, max_size=2).map(tuple), st.booleans(), st.booleans(), st.integers(0, 9)),
        st.builds(
            Dial, sip=SPOKEN.map(lambda text: f"sip:{quote(text)}@x.example"), headers=st.dictionaries(SPOKEN, SPOKEN)
        ),
        st.builds(Dial, number=st.just("+48221111111")),
        st.builds(HangUp),
    ),
    max_size=5,
) | st.just([Reject("busy")])


@settings(max_examples=500, deadline=None, database=None)
@given(VERBS)
def test_every_document_passes_the_lint(verbs: list[Verb]) -> None:
    place = CallPlace("CA1", 7, "+48221234567", "+48600100200", "pl")
    assert problems(channel_of("twilio").render(connection(), verbs, place).text) == []
