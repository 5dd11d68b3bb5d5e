"""Executes voice documents between a line and a person, verb by verb, as a carrier does."""

import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from app.channels.simulated import RECORDING
from app.telephone.line import Line, LineDead
from app.telephone.person import Given, HungUp, Person, Wanted

DOCUMENTS_AT_MOST: Final = 200  # a document that leads to itself must not keep a script busy for ever


@dataclass
class Carrier:
    """Runs one call to its end; `between` is called after each document."""

    line: Line
    person: Person
    between: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic

    def run(self) -> None:
        """From the first ring to the status callback. Raises: LineDead."""
        started_at, status = self.clock(), "completed"
        try:
            document: ET.Element | None = self.line.begin()
            for _ in range(DOCUMENTS_AT_MOST):
                self.between()
                if document is None:
                    self.person.note("The other side hung up.")
                    break
                document, status = self._perform(document)
            else:
                self.person.note(f"The carrier ends the call after {DOCUMENTS_AT_MOST} documents.")
        except (HungUp, KeyboardInterrupt):
            self.person.note("You hung up.")
        self.line.end(status, round(self.clock() - started_at))

    def _perform(self, document: ET.Element) -> tuple[ET.Element | None, str]:
        """The next document, None at the end; and the word the call would end with. Raises: HungUp, LineDead."""
        for verb in document:
            match verb.tag:
                case "Say" | "Play" | "Pause":
                    self._sound(verb)
                case "Gather" | "Record" | "Dial":
                    give_away = {"Gather": self._gather, "Record": self._record, "Dial": self._dial}[verb.tag]
                    if (following := give_away(verb)) is not None:
                        return following, "completed"
                case "Redirect":
                    return self.line.ask(_text(verb)), "completed"
                case "Reject":
                    return None, "busy" if verb.get("reason") == "busy" else "no-answer"
                case "Hangup":
                    return None, "completed"
                case _:
                    raise LineDead(f"The document holds {verb.tag}, which this telephone does not know.")
        return None, "completed"

    def _sound(self, verb: ET.Element) -> None:
        for _ in range(min(int(verb.get("loop", "1")) or 10, 10)):
            if verb.tag == "Pause":
                self.person.wait(float(verb.get("length", "1")))
            else:
                self.person.hear(_text(verb) if verb.tag == "Say" else f"♪ {self.line.sound(_text(verb))}")

    def _gather(self, gather: ET.Element) -> ET.Element | None:
        for prompt in gather:
            self._sound(prompt)
        kinds = gather.get("input", "dtmf").split()
        given = self.person.press(
            Wanted(
                keys="dtmf" in kinds,
                speech="speech" in kinds,
                digits=int(gather.get("numDigits", "0")),
                finish_key=gather.get("finishOnKey", "#"),
            )
        )
        if given == Given() and gather.get("actionOnEmptyResult") != "true":
            return None
        fields = {"SpeechResult": given.speech, "Confidence": "0.9"} if given.speech else {"Digits": given.keys}
        return self.line.ask(_action(gather), **fields)

    def _record(self, record: ET.Element) -> ET.Element | None:
        """Tells of the recording twice, as carriers do: by the call's next request and by a status callback."""
        spoken = self.person.speak(int(record.get("maxLength", "3600")), beep=record.get("playBeep") != "false")
        if not spoken.seconds and not spoken.is_gone:
            return None
        fields = {"RecordingDuration": str(spoken.seconds)}
        if spoken.seconds:
            fields["RecordingUrl"] = f"{RECORDING}{spoken.seconds}"
        following = self.line.ask(
            _action(record),
            Digits="hangup" if spoken.is_gone else "",
            CallStatus="completed" if spoken.is_gone else "in-progress",
            **fields,
        )
        if status := record.get("recordingStatusCallback"):
            self.line.tell(status, RecordingStatus="completed" if spoken.seconds else "absent", **fields)
        if spoken.is_gone:
            raise HungUp
        return following

    def _dial(self, dial: ET.Element) -> ET.Element | None:
        phone, *others = list(dial) or [ET.Element("Number")]
        outcome, seconds, gone = self.person.pick_up(" and ".join(map(_shown, (phone, *others)))), 0, False
        if outcome == "completed":
            if whisper := phone.get("url"):
                for verb in self.line.ask(whisper, CallSid=f"{self.line.call_id}-leg", ParentCallSid=self.line.call_id):
                    self.person.note(f"(only they hear) {_text(verb)}")
            started_at = self.clock()
            try:
                self.person.talk()
            except HungUp:
                gone = True
            seconds = round(self.clock() - started_at)
        if not dial.get("action"):
            return None
        fields = {"DialCallStatus": outcome, "DialCallDuration": str(seconds)}
        if outcome in {"busy", "failed"} and phone.tag == "Sip":
            fields["DialSipResponseCode"] = {"busy": "486", "failed": "503"}[outcome]
        following = self.line.ask(_action(dial), CallStatus="completed" if gone else "in-progress", **fields)
        if gone:
            raise HungUp
        return following


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()


def _action(element: ET.Element) -> str:
    if address := element.get("action"):
        return address
    raise LineDead(f"The document's {element.tag} has no action.")


def _shown(phone: ET.Element) -> str:
    """A phone as people read it: its address, and the headers that go along."""
    address, _, headers = _text(phone).partition("?")
    pairs = ", ".join(f"{name}: {value}" for name, value in parse_qsl(headers))
    return f"{address} ({pairs})" if pairs else address
