"""The telephone in the terminal: it executes documents as a carrier does."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.channels.simulated import RECORDING
from app.telephone.carrier import DOCUMENTS_AT_MOST, Carrier
from app.telephone.line import Line, LineDead
from app.telephone.person import Given, HungUp, Person, Wanted

GATHER = (
    '<Gather action="https://x.example/?turn=1" numDigits="1" actionOnEmptyResult="true">'
    "<Say>One or two?</Say></Gather>"
    "<Redirect>https://x.example/?turn=1&amp;empty=1</Redirect>"
)
DIAL = '<Dial action="https://x.example/?turn=2"><Sip>sip:gold@q.example;transport=tcp?X-Tier=gold%20one</Sip></Dial>'


@dataclass
class FakeLine(Line):
    """A line whose documents were prepared; it remembers what it was asked."""

    documents: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def begin(self) -> ET.Element:
        """The first document."""
        return self.ask("begin")

    def ask(self, address: str, **fields: str) -> ET.Element:
        """The next document."""
        self.asked.append((address, fields))
        return ET.fromstring(f"<Response>{self.documents.pop(0)}</Response>")  # noqa: S314  written above

    def tell(self, address: str, **fields: str) -> None:
        """Remembers the news."""
        self.asked.append((address, fields))

    def end(self, status: str, seconds: int) -> None:
        """Remembers the end."""
        self.asked.append((status, {}))


def run(documents: Sequence[str], script: str) -> tuple[list[tuple[str, dict[str, str]]], list[str]]:
    """What the line was asked after its first request, and what the person saw."""
    line = FakeLine("s", "main", "https://x.example", "https://x.example", "+1", "+2", documents=list(documents))
    lines: list[str] = []
    person = Person(iter(script.split()), lines.append, wait=lambda _: None, follows_script=True)
    Carrier(line, person, clock=lambda: 0.0).run()
    assert line.documents == [], "not all documents were fetched"
    return line.asked[1:], lines


def dialled(outcome: str, **fields: str) -> tuple[str, dict[str, str]]:
    """What the line is asked after a forwarded leg."""
    told = {"DialCallStatus": outcome, "DialCallDuration": "0", "CallStatus": "in-progress"}
    return "https://x.example/?turn=2", told | fields


RECORD = (
    '<Record action="https://x.example/?turn=3" recordingStatusCallback="https://x.example/status" maxLength="20"/>'
    "<Redirect>https://x.example/?turn=3&amp;empty=1</Redirect>"
)


def recorded(seconds: int, *, gone: bool = False) -> list[tuple[str, dict[str, str]]]:
    """What the line is asked, and what it is told, after a recording."""
    told = {"RecordingDuration": str(seconds)} | ({"RecordingUrl": f"{RECORDING}{seconds}"} if seconds else {})
    how = {"Digits": "hangup", "CallStatus": "completed"} if gone else {"Digits": "", "CallStatus": "in-progress"}
    status = {"RecordingStatus": "completed" if seconds else "absent"}
    return [("https://x.example/?turn=3", how | told), ("https://x.example/status", status | told)]


EMPTY = {"Digits": ""}
CALLS: list[tuple[str, list[str], str, list[tuple[str, dict[str, str]]]]] = [
    ("says and hangs up", ["<Say>Hi</Say><Hangup/>"], "", [("completed", {})]),
    ("presses a key", [GATHER, "<Hangup/>"], "1", [("https://x.example/?turn=1", {"Digits": "1"}), ("completed", {})]),
    ("presses too many", [GATHER, ""], "12", [("https://x.example/?turn=1", {"Digits": "1"}), ("completed", {})]),
    ("presses nothing", [GATHER, ""], ".", [("https://x.example/?turn=1", EMPTY), ("completed", {})]),
    (
        "presses nothing and follows the redirect",
        [GATHER.replace(' actionOnEmptyResult="true"', ""), ""],
        ".",
        [("https://x.example/?turn=1&empty=1", {}), ("completed", {})],
    ),
    (
        "says a word",
        [GATHER.replace("<Gather", '<Gather input="dtmf speech"'), ""],
        "sales",
        [("https://x.example/?turn=1", {"SpeechResult": "sales", "Confidence": "0.9"}), ("completed", {})],
    ),
    ("hangs up in a menu", [GATHER], "h", [("completed", {})]),
    ("has no more answers", [GATHER], "", [("completed", {})]),
    ("is rejected", ['<Reject reason="busy"/>'], "", [("busy", {})]),
    ("is rejected without a reason", ["<Reject/>"], "", [("no-answer", {})]),
    ("is forwarded and answered", [DIAL, "<Hangup/>"], "y", [dialled("completed"), ("completed", {})]),
    ("finds it busy", [DIAL, ""], "busy", [dialled("busy", DialSipResponseCode="486"), ("completed", {})]),
    ("is not answered", [DIAL, ""], "what? n", [dialled("no-answer"), ("completed", {})]),
    ("hangs up while talking", [DIAL, ""], "y h", [dialled("completed", CallStatus="completed"), ("completed", {})]),
    ("leaves a message", [RECORD, "<Hangup/>"], "12", [*recorded(12), ("completed", {})]),
    ("says a word after the beep", [RECORD, "<Hangup/>"], "hello", [*recorded(1), ("completed", {})]),
    ("speaks longer than allowed", [RECORD, "<Hangup/>"], "99", [*recorded(20), ("completed", {})]),
    ("hangs up while speaking", [RECORD, ""], "12h", [*recorded(12, gone=True), ("completed", {})]),
    ("hangs up at the beep", [RECORD, ""], "h", [*recorded(0, gone=True), ("completed", {})]),
    (
        "says nothing after the beep",
        [RECORD, "<Hangup/>"],
        ".",
        [("https://x.example/?turn=3&empty=1", {}), ("completed", {})],
    ),
    ("follows a fallback", ["<Say>Sorry</Say><Dial><Number>+3</Number></Dial><Hangup/>"], "n", [("completed", {})]),
    ("hangs up in a queue", ['<Pause length="40"/><Redirect>https://x.example/</Redirect>'], "h", [("completed", {})]),
]


@pytest.mark.parametrize(("documents", "script", "asked"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_caller(documents: list[str], script: str, asked: list[tuple[str, dict[str, str]]]) -> None:
    assert run(documents, script)[0] == asked


def test_what_is_said_and_what_rings_is_shown() -> None:
    _, lines = run([GATHER, DIAL, "<Play>https://x.example/bye.wav</Play>"], "2 n")
    assert lines == [
        "» One or two?",
        "  keys (Enter = nothing, h = hang up): 2",
        "  Ringing sip:gold@q.example;transport=tcp (X-Tier: gold one) — answer? [y/n/busy]: n",
        "» ♪ https://x.example/bye.wav",
        "  The other side hung up.",
    ]


def test_several_phones_ring_together_and_whoever_answers_hears_the_whisper() -> None:
    several = (
        '<Dial action="https://x.example/?turn=2"><Number url="https://x.example/whisper">+3</Number>'
        '<Number url="https://x.example/whisper">+4</Number></Dial>'
    )
    asked, lines = run([several, "<Say>A customer.</Say>", "<Hangup/>"], "y .")
    assert asked[0] == ("https://x.example/whisper", {"CallSid": f"{asked[0][1]['ParentCallSid']}-leg", **asked[0][1]})
    assert lines[0] == "  Ringing +3 and +4 — answer? [y/n/busy]: y"
    assert lines[1] == "  (only they hear) A customer."


def test_a_document_that_leads_to_itself_ends() -> None:
    asked, lines = run(["<Redirect>https://x.example/</Redirect>"] * (DOCUMENTS_AT_MOST + 1), "")
    assert asked[-1] == ("completed", {})
    assert lines[-1] == f"  The carrier ends the call after {DOCUMENTS_AT_MOST} documents."


@pytest.mark.parametrize("document", ["<Enqueue/>", "<Gather><Say>x</Say></Gather>"])
def test_a_document_no_carrier_can_execute_is_named(document: str) -> None:
    with pytest.raises(LineDead, match=r"Enqueue|Gather"):
        run([document], "1")


PRESSED = [
    ("12#34", Wanted(), Given("12")),
    ("1234", Wanted(digits=2), Given("12")),
    ("12#", Wanted(finish_key=""), Given("12#")),
    ("*", Wanted(finish_key="*"), Given("")),
    ("ala", Wanted(), Given()),
    ("ala", Wanted(speech=True), Given(speech="ala")),
    ("1", Wanted(keys=False, speech=True), Given(speech="1")),
]


@pytest.mark.parametrize(("typed", "wanted", "given"), PRESSED)
def test_keys_end_as_the_gather_says(typed: str, wanted: Wanted, given: Given) -> None:
    assert Person(iter([typed]), lambda _: None).press(wanted) == given


def test_a_person_may_wait_for_ever_but_a_script_does_not() -> None:
    passed: list[float] = []
    patient = Person(iter([]), lambda _: None, wait=passed.append)
    for _ in range(100):
        patient.wait(10)
    assert passed == [10.0] * 100
    script = Person(iter([]), lambda _: None, wait=passed.append, follows_script=True)
    script.wait(20)
    with pytest.raises(HungUp):
        script.wait(10)
