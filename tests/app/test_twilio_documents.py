"""Voice documents: the portable subset, and a lint that every one of them passes."""

import re
from collections.abc import Sequence
from urllib.parse import quote

import pytest

from app.channels.contract import CallPlace
from app.channels.registry import channel_of
from app.channels.twilio_documents import LONGEST_ENCODED, sip_address, spoken_pieces
from app.channels.twilio_languages import spoken_language
from app.channels.twiml_lint import problems
from flows.effect import Dial, Gather, HangUp, Pause, Phone, Play, Record, Reject, Say, Verb
from tests.twilio_house import connection, webhook

PLACE = CallPlace("CA1", 3, "+48221234567", "+48600100200", "pl")
TURN = "https://patchbay.example/hooks/main/calls/turn?turn=3"
AFTER_PAUSE = f'<Redirect method="POST">{TURN}&amp;after=pause</Redirect>'
GATHER = f'<Gather action="{TURN}&amp;after=gather" actionOnEmptyResult="true"'
ON_EMPTY = f'<Redirect method="POST">{TURN}&amp;after=gather&amp;empty=1</Redirect>'
WHISPER = "https://patchbay.example/hooks/main/calls/whisper"
RECORDED = f"{TURN}&amp;after=record&amp;recording=7%2F1%2F0"
RECORDING = "https://patchbay.example/hooks/main/calls/recording?turn=3&amp;recording=7%2F1%2F0"
DIAL = f'<Dial action="{TURN}&amp;after=dial" answerOnBridge="true"'


def render(verbs: Sequence[Verb]) -> str:
    document = channel_of("twilio").render(connection(), verbs, PLACE)
    assert document.media_type == "text/xml"
    assert problems(document.text) == []
    text = document.text.removeprefix('<?xml version="1.0" encoding="UTF-8"?>')
    return text.removeprefix("<Response>").removesuffix("</Response>")


DOCUMENTS: list[tuple[Sequence[Verb], str]] = [
    ([], AFTER_PAUSE),
    ([Say("Cześć")], f'<Say language="pl-PL">Cześć</Say>{AFTER_PAUSE}'),
    ([Say("Hi", "en", "Polly.Amy", 2)], f'<Say language="en-US" loop="2" voice="Polly.Amy">Hi</Say>{AFTER_PAUSE}'),
    ([Say("<Hangup/> & co")], f'<Say language="pl-PL">&lt;Hangup/&gt; &amp; co</Say>{AFTER_PAUSE}'),
    ([Say("")], AFTER_PAUSE),
    ([Say("a\x00b\x0bc")], f'<Say language="pl-PL">a b c</Say>{AFTER_PAUSE}'),
    ([Play("https://x.example/a.wav?b=1&c=2")], f"<Play>https://x.example/a.wav?b=1&amp;c=2</Play>{AFTER_PAUSE}"),
    ([Play("https://x.example/a.wav", 10)], f'<Play loop="10">https://x.example/a.wav</Play>{AFTER_PAUSE}'),
    ([Pause(10)], f'<Pause length="10" />{AFTER_PAUSE}'),
    ([HangUp()], "<Hangup />"),
    ([Say("Bye", "xx"), HangUp()], "<Say>Bye</Say><Hangup />"),
    ([Reject("busy")], '<Reject reason="busy" />'),
    (
        [Gather((Say("One?"),), maximum_digits=1)],
        (
            f'{GATHER} finishOnKey="#" input="dtmf" method="POST" numDigits="1" timeout="5">'
            f'<Say language="pl-PL">One?</Say></Gather>{ON_EMPTY}'
        ),
    ),
    (  # what is said stands inside the gather, so that a key interrupts it
        [Gather((Say("No such key."), Play("https://x.example/menu.wav")), maximum_digits=1, finish_key="")],
        (
            f'{GATHER} finishOnKey="" input="dtmf" method="POST" numDigits="1" timeout="5">'
            '<Say language="pl-PL">No such key.</Say><Play>https://x.example/menu.wav</Play></Gather>'
            f"{ON_EMPTY}"
        ),
    ),
    (
        [Gather((), keys=True, speech=True, finish_key="", hints=("tak", "nie"), language="ru", timeout_seconds=9)],
        (
            f'{GATHER} finishOnKey="" hints="tak, nie" input="dtmf speech" language="ru-RU" method="POST"'
            f' speechTimeout="auto" timeout="9" />{ON_EMPTY}'
        ),
    ),
    (
        [Dial(number="+48111222333", caller_id="+48221234567", ring_seconds=20, limit_seconds=60)],
        (
            f'{DIAL} callerId="+48221234567" method="POST" timeLimit="60" timeout="20">'
            "<Number>+48111222333</Number></Dial>"
        ),
    ),
    (
        [Dial(sip="sip:gold@queues.example.com;transport=tcp", headers={"X-Loyalty-Tier": "gold"})],
        (
            f'{DIAL} method="POST" timeLimit="14400" timeout="30">'
            "<Sip>sip:gold@queues.example.com;transport=tcp?X-Loyalty-Tier=gold</Sip></Dial>"
        ),
    ),
    (
        [Dial(number="+48111222333", also=(Phone(sip="sip:anna@example.com"),), whisper=Say("Płatny & pilny", "pl"))],
        (
            f'{DIAL} method="POST" timeLimit="14400" timeout="30">'
            f'<Number method="POST" url="{WHISPER}?text=P%C5%82atny+%26+pilny&amp;language=pl">+48111222333</Number>'
            f'<Sip method="POST" url="{WHISPER}?text=P%C5%82atny+%26+pilny&amp;language=pl">'
            "sip:anna@example.com;transport=udp</Sip></Dial>"
        ),
    ),
    (
        [Say("Beep."), Record("7/1/0", maximum_seconds=60, silence_seconds=3, finish_key="*", beep=False), Say("no")],
        (
            f'<Say language="pl-PL">Beep.</Say><Record action="{RECORDED}" finishOnKey="*" maxLength="60" method="POST"'
            f' playBeep="false" recordingStatusCallback="{RECORDING}" recordingStatusCallbackEvent="completed absent"'
            f' recordingStatusCallbackMethod="POST" timeout="3" />'
            f'<Redirect method="POST">{RECORDED}&amp;empty=1</Redirect>'
        ),
    ),
    ([HangUp(), Say("too late")], "<Hangup />"),
    (
        [Dial(number="+48111222333"), Say("later")],
        f'{DIAL} method="POST" timeLimit="14400" timeout="30"><Number>+48111222333</Number></Dial>',
    ),
]


@pytest.mark.parametrize(("verbs", "expected"), DOCUMENTS)
def test_verbs_become_a_document_of_the_portable_subset(verbs: Sequence[Verb], expected: str) -> None:
    assert render(verbs) == expected


SIP = [
    ("gold@q.example", {}, "sip:gold@q.example;transport=udp"),
    ("sip:gold@q.example", {}, "sip:gold@q.example;transport=udp"),
    ("sips:gold@q.example:5061", {}, "sips:gold@q.example:5061;transport=tls"),
    ("sip:gold@q.example;Transport=TLS", {}, "sip:gold@q.example;Transport=TLS"),
    ("sip:a@b;transport=tcp?X-One=1", {"X-Two": "2"}, "sip:a@b;transport=tcp?X-One=1&X-Two=2"),
    ("sip:a@b;transport=tcp", {"X-Name": "ż & co=1?"}, "sip:a@b;transport=tcp?X-Name=%C5%BC%20%26%20co%3D1%3F"),
    ("sip:a@b;transport=tcp", {"X-Cut": "1\r\nVia: evil"}, "sip:a@b;transport=tcp?X-Cut=1%0D%0AVia%3A%20evil"),
    ("sip:a@b;transport=tcp", {"Via": "1", "X-Twilio-Me": "1", "X-A\r\nB": "1", "": "1"}, "sip:a@b;transport=tcp"),
]


@pytest.mark.parametrize(("uri", "headers", "expected"), SIP)
def test_a_sip_address_names_its_transport_and_its_headers(uri: str, headers: dict[str, str], expected: str) -> None:
    assert sip_address(uri, headers) == expected


@pytest.mark.parametrize("sentence", ["Привет, как дела? ", "a" * 5_000, "Hello world. ", "🙂", "ż "])
def test_a_long_text_is_spoken_in_pieces_that_carriers_take(sentence: str) -> None:
    text = (sentence * (10_000 // len(sentence))).strip()
    pieces = list(spoken_pieces(text))
    assert len(pieces) > 1
    assert all(len(quote(piece)) <= LONGEST_ENCODED for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert problems(channel_of("twilio").render(connection(), [Say(text, repeat=2)], PLACE).text) == []


@pytest.mark.parametrize(
    ("code", "spoken"),
    [
        ("en", "en-US"),
        ("pl", "pl-PL"),
        ("ru", "ru-RU"),
        ("EN-gb", "en-GB"),
        ("pt_BR", "pt-BR"),
        ("", None),
        ("tlh", None),
    ],
)
def test_languages_are_named_as_the_voices_know_them(code: str, spoken: str | None) -> None:
    assert spoken_language(code) == spoken


@pytest.mark.parametrize("number", ["", "+48221111111"])
def test_the_fallback_needs_no_answer_of_ours(number: str) -> None:
    document = channel_of("simulated").fallback(connection("simulated"), "Przepraszamy.", number, "pl")
    assert problems(document.text) == []
    tags = re.findall(r"<(Say|Dial|Hangup|Redirect|Gather)\b", document.text)
    assert tags == (["Say", "Dial", "Hangup"] if number else ["Say", "Hangup"])
    assert "action" not in document.text


FAULTS = [
    ("<Response><Say banana='1'>x</Say><Hangup/></Response>", "attribute banana"),
    ("<Response><Response/><Hangup/></Response>", "Response stands in Response"),
    ("<Response><Client>x</Client><Hangup/></Response>", "Client stands in Response"),
    ("<Response><Dial answerOnBridge='true'><Client>x</Client></Dial><Hangup/></Response>", "Client stands in Dial"),
    ("<Response><Say/><Hangup/></Response>", "Say has no text"),
    ("<Response>hello<Hangup/></Response>", "holds a text"),
    ("<Response><Hangup/>hello</Response>", "text after Hangup"),
    ("<Response><Say>x</Say></Response>", "neither ends"),
    ("<Response/>", "neither ends"),
    ("<Response><Hangup/><Say>x</Say><Hangup/></Response>", "never reached"),
    ("<Response><Redirect>https://x.example/</Redirect></Response>", 'method="POST"'),
    ("<Response><Redirect method='POST'>/turn</Redirect></Response>", "not absolute"),
    ("<Response><Play>a.wav</Play><Hangup/></Response>", "not absolute"),
    ("<Response><Gather/><Hangup/></Response>", "lacks an action"),
    (
        (
            "<Response><Gather action='https://x.example/?turn=1' method='POST' actionOnEmptyResult='true'/>"
            "<Redirect method='POST'>https://x.example/?turn=2&amp;empty=1</Redirect></Response>"
        ),
        "its own action and turn",
    ),
    ("<Response><Dial><Number>+1</Number></Dial><Hangup/></Response>", "answerOnBridge"),
    ("<Response><Dial answerOnBridge='true'><Sip>sip:a@b</Sip></Dial><Hangup/></Response>", "no transport"),
    ("<Response><Dial answerOnBridge='true'/><Hangup/></Response>", "one to 10"),
    (
        f"<Response><Dial answerOnBridge='true'>{'<Number>+1</Number>' * 11}</Dial><Hangup/></Response>",
        "one to 10",
    ),
    (
        "<Response><Dial answerOnBridge='true'><Number url='/whisper'>+1</Number></Dial><Hangup/></Response>",
        "not absolute",
    ),
    (
        "<Response><Dial answerOnBridge='true'><Number url='https://x.example/'>+1</Number></Dial><Hangup/></Response>",
        'method="POST"',
    ),
    ("<Response><Record/><Hangup/></Response>", "loses what was recorded"),
    (
        (
            "<Response><Record action='https://x.example/?turn=1' method='POST'"
            " recordingStatusCallback='https://x.example/'/><Hangup/></Response>"
        ),
        'recordingStatusCallbackMethod="POST"',
    ),
    (
        (
            "<Response><Record action='https://x.example/?turn=1' method='POST'"
            " recordingStatusCallback='https://x.example/' recordingStatusCallbackMethod='POST'/>"
            "<Say>x</Say><Hangup/></Response>"
        ),
        "Record is not followed",
    ),
    ("<Response><Dial answerOnBridge='true'><Number>+1</Number></Dial></Response>", "neither ends"),
    ("<Response><Say>x</Say><Reject/></Response>", "does not stand first"),
    ("<Html/>", "instead of Response"),
    ("<Response>", "not XML"),
    (f"<Response><Say>{'x' * 70_000}</Say><Hangup/></Response>", "64 KiB"),
]


@pytest.mark.parametrize(("document", "sentence"), FAULTS)
def test_the_lint_sees_what_the_builders_accept(document: str, sentence: str) -> None:
    assert any(sentence in problem for problem in problems(document)), problems(document)


def test_a_whisper_is_its_own_address_spoken_and_nothing_else() -> None:
    asked = webhook("calls/whisper", {"CallSid": "CA2"}, [("text", "Płatny <&> pilny"), ("language", "pl")])
    document = channel_of("twilio").whisper(connection(), asked)
    assert problems(document.text, of_whisper=True) == []
    assert '<Say language="pl-PL">Płatny &lt;&amp;&gt; pilny</Say></Response>' in document.text


def test_the_lint_keeps_a_whisper_from_doing_more_than_speak() -> None:
    assert problems("<Response><Hangup/></Response>", of_whisper=True)
    assert problems("<Response><Say>x</Say></Response>", of_whisper=True) == []
