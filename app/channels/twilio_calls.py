"""What Twilio tells about a call: its beginning, its turns, its end. https://www.twilio.com/docs/voice/twiml#request-parameters

A call's first webhook is turn 0. Every later request carries its turn in the address that our own document gave:
`calls/turn?turn=3&after=gather`, after a gather, a recording, a dial or a pause, and `empty=1` where the document's
Redirect stands in for a gather or a recording without input. A recording is told twice, by the call's next request and
by a status callback of its own; both carry the same turn, so the first of them is the event.
"""

import math
from typing import Final, Literal, cast

from app.channels.arrival import Arrival, Report
from app.channels.contract import Unreadable, Webhook
from app.channels.phone_number import country_of
from app.channels.twilio_messages import read_number, read_sender, required, whole
from flows.event import CallerHungUp, CallPolled, CallStarted, DialEnded, Happening, KeysPressed, Recorded

Outcome = Literal["completed", "busy", "no-answer", "failed", "canceled"]

OUTCOMES: Final = ("completed", "busy", "no-answer", "failed", "canceled")
"""TELEPHONY's outcome words; they are also the words that end a call."""

# A caller who withholds the number comes as such a word, or as the word spelt on a keypad:
# https://www.twilio.com/en-us/changelog/upcoming-changes-to-withheld-caller-ids-behavior-for-dial-calls
_WITHHELD: Final = frozenset({"anonymous", "blocked", "private", "restricted", "unavailable", "unknown"})
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_WITHHELD_ON_KEYPAD: Final = frozenset(word.translate(_KEYPAD) for word in _WITHHELD)
_KEYS = frozenset("0123456789*#ABCD")
_KINDS: Final[dict[type, str]] = {
    KeysPressed: "keys_pressed",
    CallPolled: "call_polled",
    DialEnded: "dial_ended",
    Recorded: "recorded",
}
_LONGEST_SPEECH = 2_000
_LONGEST_ADDRESS = 2_000
_LAST_TURN = 100_000


def started(webhook: Webhook, country: str) -> Arrival:
    """The call's arrival, its turn 0. Raises: Unreadable."""
    call_id = required(webhook, "CallSid")
    called = read_number(required(webhook, "To", "Called"), country)
    said = (webhook.field("From") or webhook.field("Caller")).strip()
    if is_withheld(said):
        # A contact of its own for each such call: two strangers must never read each other's data.
        kind, caller, shown = "withheld", call_id, ""
    else:
        kind, caller = read_sender(said, country_of(called) or country)
        shown = caller
    return Arrival(
        provider_id=f"{call_id}:0",
        happened=CallStarted(call_id=call_id, caller=shown, called=called),
        address=caller,
        number=called,
        call_id=call_id,
        address_kind=kind,
        contact_name=webhook.field("CallerName").strip()[:200],
    )


def turn(webhook: Webhook) -> list[Report]:
    """What a later request of the carrier reports. Raises: Unreadable."""
    call_id = required(webhook, "CallSid")
    number = _asked(webhook, "turn")
    if not number.isdecimal() or not number.isascii() or int(number) > _LAST_TURN:
        raise Unreadable("The address has no turn: only the addresses of our own documents lead here.")
    happened = _happened(webhook)
    provider_id = f"{call_id}:{int(number)}"
    reports = [Report(provider_id, _KINDS[type(happened)], happened, call_id=call_id, turn=int(number))]
    if webhook.field("CallStatus") in OUTCOMES:  # the caller left meanwhile; the status callback may not be set up
        reports.append(_hung_up(webhook, call_id))
    return reports


def status(webhook: Webhook, country: str) -> list[Arrival | Report]:
    """The end of a call, with its arrival before it: webhooks may come in the wrong order, and a call that only our
    fallback answered must not be forgotten. Other news about a call says nothing to us. Raises: Unreadable."""
    call_id = required(webhook, "CallSid")
    if webhook.field("CallStatus") not in OUTCOMES or webhook.field(
        "ParentCallSid"
    ):  # a forwarded leg is no call of ours
        return []
    ended = _hung_up(webhook, call_id)
    came_in = webhook.field("Direction") in {"", "inbound"} and webhook.field("To")
    return [started(webhook, country), ended] if came_in else [ended]


def is_withheld(caller: str) -> bool:
    """Whether the caller keeps the number back."""
    name = caller.lower().removeprefix("sip:").partition("@")[0]
    return not name or name.lstrip("+") in _WITHHELD | _WITHHELD_ON_KEYPAD


def _happened(webhook: Webhook) -> Happening:
    after = _asked(webhook, "after")
    outcome = webhook.field("DialCallStatus")
    if after == "dial" or (not after and outcome):
        return DialEnded(
            outcome=_outcome(outcome),
            sip_status=whole(webhook.field("DialSipResponseCode")),
            seconds=whole(webhook.field("DialCallDuration")),
        )
    speech = webhook.field("SpeechResult")[:_LONGEST_SPEECH]
    digits = "".join(key for key in webhook.field("Digits")[:200] if key in _KEYS)
    if recording := _asked(webhook, "recording"):
        if _asked(webhook, "empty"):
            return Recorded(recording)
        seconds = whole(webhook.field("RecordingDuration"))
        return Recorded(recording, url=webhook.field("RecordingUrl").strip()[:_LONGEST_ADDRESS], seconds=seconds)
    if _asked(webhook, "empty"):
        return KeysPressed()
    if after == "gather" or (not after and (digits or speech)):
        return KeysPressed(digits=digits, speech=speech, confidence=_confidence(webhook.field("Confidence")))
    return CallPolled()


def _hung_up(webhook: Webhook, call_id: str) -> Report:
    # A call ends once: one id for its end, whichever request told it first.
    ended = CallerHungUp(seconds=whole(webhook.field("CallDuration")))
    return Report(f"{call_id}:status:ended", "caller_hung_up", ended, call_id=call_id)


def _outcome(word: str) -> Outcome:
    if word == "answered":  # Twilio's word for a conference that was joined
        return "completed"
    return cast("Outcome", word) if word in OUTCOMES else "failed"


def _confidence(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _asked(webhook: Webhook, name: str) -> str:
    """A parameter of the address; a form field of the same name is the provider's and means something else."""
    return next((value for key, value in webhook.query if key == name), "")
