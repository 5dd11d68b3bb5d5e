"""Forwarding a call, as to a queue on somebody else's system: dialling, the longest it may take, and how it ended."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.context import Context
from flows.effect import Dial
from flows.event import DialEnded
from flows.step import Take, Wait, fail

RING_SECONDS = 60  # how long somebody else's queue may ring where the author says nothing
LONGEST_RING_SECONDS = 600  # carriers refuse more: https://www.twilio.com/docs/voice/twiml/dial#timeout
LONGEST_BRIDGE_SECONDS = 14_400  # four hours, the carriers' own default: the same page, #timelimit
# The carrier tells how a forwarded call ended; one that it lost must not hold the run for ever.
LOST_CALL_SECONDS = 120


def longest_dial_seconds(config: Mapping[str, Any]) -> float:
    """The longest time from dialling until the run goes on."""
    return float(_ring_seconds(config) + LONGEST_BRIDGE_SECONDS + LOST_CALL_SECONDS)


def dial(context: Context, config: Mapping[str, Any], *, number: str = "", sip: str = "") -> Wait:
    """Rings a number (E.164) or a SIP address, and waits until the call comes back.

    Raises: ExpressionError, when the value of a SIP header is missing; TooLarge.
    """
    verb = Dial(
        number=number,
        sip=sip,
        headers={row["name"]: context.header(row["value"]) for row in config.get("headers", ())} if sip else {},
        caller_id=context.text(config["caller_id"]),
        ring_seconds=_ring_seconds(config),
        limit_seconds=bridge_seconds(context),
    )
    return Wait(("dial",), until=context.now + timedelta(seconds=longest_dial_seconds(config)), effects=[verb])


def dialled(ended: DialEnded) -> Take:
    """The exit for the other system's outcome word."""
    why = {"outcome": ended.outcome, "sip_status": ended.sip_status, "seconds": ended.seconds}
    if ended.outcome == "completed":
        return Take("closed", why=why)
    if ended.outcome == "failed":
        told = f"with the SIP status {ended.sip_status}" if ended.sip_status else "without telling a SIP status"
        sentence = f"The other system refused the call {told}."
        return fail("sip_status", sentence, retryable=ended.sip_status >= 500, why=why)
    return Take("timed_out", why=why)


def bridge_seconds(context: Context) -> int:
    """What is left of a call whose whole length is limited, else what carriers allow."""
    ends_at = context.run.call.get("ends_at")
    left = (ends_at - context.now).total_seconds() if isinstance(ends_at, datetime) else LONGEST_BRIDGE_SECONDS
    return max(1, min(math.ceil(left), LONGEST_BRIDGE_SECONDS))


def _ring_seconds(config: Mapping[str, Any]) -> int:
    wanted: float = config.get("maximum_wait_seconds", RING_SECONDS)
    return min(round(wanted), LONGEST_RING_SECONDS)
