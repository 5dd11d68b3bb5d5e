"""Joining: people send three short messages; a question may take them as one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from app.opting import is_opt_out
from app.store.loading import Held

_LONGEST = 3  # times joining_seconds, counted from the first message
_PASSED_BY = ("timer_fired", "message_status", "message_accepted", "message_delivered", "message_failed")


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
    if not held.events or not _is_joinable(held.events[0]):
        return None
    pause = int(waiting.joining_seconds * 1_000_000)
    messages, ends = _together(held.events, pause)
    ready_at = min(_came_at(messages[-1]) + pause, _came_at(messages[0]) + _LONGEST * pause)
    if held.now < ready_at and not ends:
        return Joined(not_before=ready_at)
    data = [json.loads(event.happened) for event in messages]
    return Joined(
        [event.id for event in messages[1:]],
        [one["text"] for one in data],
        [item for one in data for item in one.get("media", ())],
    )


def _together(events: Sequence[Row[Any]], pause: int) -> tuple[list[Row[Any]], bool]:
    """The messages that belong to the first, and whether something came that ends the waiting for more.

    What the house itself noted meanwhile does not part them, and a time limit that was due meanwhile loses.
    """
    messages = [events[0]]
    for event in events[1:]:
        if event.kind in _PASSED_BY:
            continue
        if not _is_joinable(event):
            return messages, True
        if _came_at(event) >= min(_came_at(messages[-1]) + pause, _came_at(messages[0]) + _LONGEST * pause):
            break
        messages.append(event)
    return messages, False


def _is_joinable(event: Row[Any]) -> bool:
    return event.kind == "message_received" and not is_opt_out(json.loads(event.happened)["text"])


def _came_at(event: Row[Any]) -> int:
    """When it came, also after the clock was set back: `at` then stays at the conversation's latest."""
    return int(min(event.at, event.created_at, event.due_at))
