"""The end of a call that a step holds back: first what is still to come, then what the flow does after a call."""

from datetime import UTC, datetime, timedelta

from flows.document import Flow, from_data
from flows.effect import HangUp, Say, SendMessage
from flows.event import (
    Attachment,
    CallerHungUp,
    CallPolled,
    CallStarted,
    Event,
    Happening,
    KeysPressed,
    Recorded,
    RecordingStored,
)
from flows.facts import Facts
from flows.hanging_up import must_hang_up
from flows.interpreter import accepts, advance, begin
from flows.limits import Limits
from flows.player import Player
from flows.registry import Registry
from flows.run import Run, Turn
from flows.wire import read, write

STEPS = Registry.discover(["steps"])
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "7/0/0"
SAID = Recorded(KEY, "https://api.example.com/RE1", 6)
STORED = RecordingStored(KEY, Attachment("audio/wav", "recording.wav", "a1" * 32), 6)
CALL = CallStarted("CA1", "+48500100100", "+48221234567")


def flow_of(**more: object) -> Flow:
    """Records, says something, asks for a key; a message follows a caller who has left."""
    steps = {
        "in": {
            "type": "incoming_call",
            "config": {"numbers": ["line"], "maximum_duration_seconds": 60},
            "exits": {"next": "record"},
        },
        "record": {
            "type": "record_message",
            "config": {"variable": "voicemail"},
            "exits": {"recorded": "thanks", "too_short": "end", "failure": "end"},
        },
        "thanks": {"type": "say", "config": {"text": {"en": "Thank you."}}, "exits": {"next": "menu"}},
        "menu": {
            "type": "menu",
            "config": {"prompt": {"en": "Press 1."}, "choices": [{"key": "1"}]},
            "exits": {"key_1": "end", "no_input": "end", "invalid": "end"},
        },
        "left": {
            "type": "send_message",
            "config": {"text": {"en": "{{ voicemail.seconds }} seconds."}, "wait_for": "nothing"},
            "exits": {"success": "end"},
        },
    }
    data = {"format": 1, "name": "Voicemail", "languages": ["en"], "on_hang_up": "left", "steps": steps, **more}
    return from_data(data)


class Talk:
    """A run of the flow, through JSON between any two turns."""

    def __init__(self) -> None:
        self.flow = flow_of()
        self.facts = Facts(conversation={"kind": "call", "number": "line"})
        self.run = begin("1", self.flow, "in", self.event(CALL), "7")
        self.feed(CALL)

    def event(self, happened: Happening, seconds: float = 0) -> Event:
        at = NOW + timedelta(seconds=seconds)
        return Event(happened, at, at, self.facts, "7")

    def feed(self, happened: Happening, seconds: float = 0) -> Turn:
        turn = advance({"1": self.flow}, read(Run, write(self.run)), self.event(happened, seconds), Limits(), STEPS)
        self.run = turn.run
        return turn


def test_a_caller_who_leaves_while_it_is_recorded_is_gone_for_the_flow_once_it_is_kept() -> None:
    talk = Talk()
    assert talk.feed(CallerHungUp()).effects == ()
    assert talk.run.leaving
    assert not accepts(talk.run, CallerHungUp())
    talk.feed(SAID)
    assert not must_hang_up(talk.run)
    kept = talk.feed(STORED)
    assert [effect.text for effect in kept.effects if isinstance(effect, Say)] == ["Thank you."]
    assert must_hang_up(talk.run)
    after = talk.feed(CallerHungUp())
    assert after.effects == (SendMessage("6 seconds.", language="en"),)
    assert (talk.run.outcome, talk.run.call_ended, talk.run.leaving) == ("completed", True, False)


def test_a_call_that_goes_on_is_not_ended() -> None:
    talk = Talk()
    talk.feed(SAID)
    talk.feed(STORED)
    assert not must_hang_up(talk.run)
    assert talk.feed(KeysPressed("1")).run.outcome == "completed"


def test_a_call_that_has_lasted_too_long_is_ended_at_the_carrier_and_keeps_its_recording() -> None:
    talk = Talk()
    talk.feed(SAID, 55)
    over = talk.feed(CallPolled(), 61)
    assert over.effects == (HangUp(),)
    assert (talk.run.status, talk.run.leaving) == ("waiting", True)
    talk.feed(STORED, 62)
    assert must_hang_up(talk.run)
    assert "voicemail" in talk.run.variables


def test_a_person_at_the_player_records_too() -> None:
    player = Player(flow_of(), STEPS, NOW)
    lines = [*player.open(), *player.feed("/record 12s")]
    assert "  (records for at most 60 s; /record says how long it became)" in lines
    assert lines[-2:] == ["says: Press 1.", "  (waits 5 s for keys)"]
    assert player.feed("/hangup")[0] == "< 12 seconds."


def test_a_player_who_hangs_up_after_the_beep_keeps_what_was_said() -> None:
    player = Player(flow_of(), STEPS, NOW)
    player.open()
    assert player.feed("/hangup") == []
    assert "< 12 seconds." in player.feed("/record 12s")
