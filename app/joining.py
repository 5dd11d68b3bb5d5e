"""Joining: people send three short messages; a question may take them as one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.opting import is_opt_out
from app.store.loading import Held

_LONGEST = 3  # times joining_seconds, counted from the first message


@dataclass(frozen=True)
class Joined:
    """The messages that are taken as one, or the instant (microseconds) to look again."""

    event_ids: Sequence[int] = ()
    texts: Sequence[str] = ()
    media: Sequence[Any] = ()
    not_before: int | None = None


def join(held: Held) -> Joined | None:
    """What joining says about the first event; None when it has no say."""
    run = held.run
    waiting = run.waiting if run else None
    if waiting is None or not waiting.joining_seconds or "message" not in waiting.accepts or held.row.owner == "people":
        return None
    messages = []
    for event in held.events:
        if event.kind != "message_received" or is_opt_out(json.loads(event.happened)["text"]):
            break
        messages.append(event)
    if not messages:
        return None
    pause = int(waiting.joining_seconds * 1_000_000)
    ready_at = min(messages[-1].at + pause, messages[0].at + _LONGEST * pause)
    if held.now < ready_at:
        return Joined(not_before=ready_at)
    data = [json.loads(event.happened) for event in messages]
    return Joined(
        [event.id for event in messages[1:]],
        [one["text"] for one in data],
        [item for one in data for item in one.get("media", ())],
    )
