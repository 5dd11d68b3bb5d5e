"""What happened in earnest, in the words of a test: so a recorded run is tried again in a simulator."""

import json
import re
from collections.abc import Callable, Mapping
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
    if isinstance(happened, _FOLLOWS):
        return None
    tell = _TOLD.get(type(happened))
    return tell(happened) if tell else {"happening": to_data(happened)}


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


def _left(happened: QueueLeft) -> dict[str, Any]:
    if happened.outcome == "assigned":
        return {"agent_takes": True}
    return {"agent_closes": happened.result} if happened.outcome == "closed" else {"happening": to_data(happened)}


_TOLD: Final[Mapping[type, Callable[[Any], dict[str, Any]]]] = {
    MessageReceived: _message,
    CallStarted: lambda one: {"call": one.caller[:64]},
    KeysPressed: _pressed,
    Recorded: lambda one: {"records": one.seconds if one.url else 0},
    CallerHungUp: lambda _: {"hang_up": True},
    DialEnded: lambda one: {"dial": one.outcome, "sip_status": one.sip_status, "seconds": one.seconds},
    TimerFired: lambda _: {"passes": "to the time limit"},
    MessageFailed: lambda one: {"failed": one.kind},
    QueueLeft: _left,
    WebhookReceived: lambda one: {"webhook": _plain(one.data)},
    ApiCalled: lambda one: {"api_call": _plain(one.input)},
    ScheduleDue: lambda one: {"schedule": one.step},
}
