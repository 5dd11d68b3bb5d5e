"""What happened in earnest, in the words of a test: so a recorded run is tried again in a simulator."""

import json
import re
from typing import Any, Final

from flows.event import (
    ApiCalled,
    CallerHungUp,
    CallPolled,
    CallStarted,
    DialEnded,
    FlowEnded,
    Happening,
    KeysPressed,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    Recorded,
    RecordingLost,
    RecordingStored,
    ScheduleDue,
    TimerFired,
    WebhookReceived,
)
from flows.values import Value, to_json
from flows.wire import to_data

_KEYS: Final = re.compile(r"[0-9*#]{1,64}\Z")
# A simulated conversation comes to these by itself.
_FOLLOWS: Final = (MessageAccepted, MessageDelivered, CallPolled, RecordingStored, RecordingLost, FlowEnded)


def retold(happened: Happening) -> dict[str, Any] | None:
    """An event that does the same in a simulated conversation; None for what follows there by itself."""
    match happened:
        case MessageReceived():
            return _message(happened)
        case CallStarted():
            return {"call": happened.caller[:64]}
        case KeysPressed():
            return _pressed(happened)
        case Recorded():
            return {"records": happened.seconds if happened.url else 0}
        case CallerHungUp():
            return {"hang_up": True}
        case DialEnded():
            return {"dial": happened.outcome, "sip_status": happened.sip_status, "seconds": happened.seconds}
        case TimerFired():
            return {"passes": "to the time limit"}
        case MessageFailed():
            return {"failed": happened.kind}
        case QueueLeft("assigned"):
            return {"agent_takes": True}
        case QueueLeft("closed"):
            return {"agent_closes": happened.result}
        case WebhookReceived():
            return {"webhook": _plain(happened.data)}
        case ApiCalled():
            return {"api_call": _plain(happened.input)}
        case ScheduleDue():
            return {"schedule": happened.step}
    return None if isinstance(happened, _FOLLOWS) else {"happening": to_data(happened)}


def _message(happened: MessageReceived) -> dict[str, Any]:
    told: dict[str, Any] = {"message": happened.text}
    if happened.choice:
        told["choice"] = happened.choice
    if happened.media:
        told["media"] = [
            {"media_type": one.media_type, "name": one.name, **({"url": one.url} if one.url else {})}
            for one in happened.media
        ]
    return told


def _pressed(happened: KeysPressed) -> dict[str, Any]:
    if _KEYS.match(happened.digits):
        return {"keys": happened.digits}
    return {"speech": happened.speech} if happened.speech else {"no_input": True}


def _plain(value: Value) -> Any:
    return json.loads(to_json(value))
