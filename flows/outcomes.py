"""What a step returned, checked and made plain before any of it counts: nothing is done by half."""

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from flows.awaited import ACCEPTABLE
from flows.codec_leaves import Misfit, plain
from flows.context import Context
from flows.effect import Effect
from flows.errors import FlowError
from flows.run import Waiting
from flows.step import Failure, Wait
from flows.values import Value, canonical_json, encode, from_plain
from flows.wire import to_data


class Refused(FlowError):
    """An outcome the engine does not take; it becomes the step's failure."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(kind, message)


def checked_values(context: Context, sets: Mapping[str, Value], held: int) -> dict[str, Value]:
    """The values a step sets, as a run holds them; `held` counts the other variables of the run.

    Raises: Refused with too_many_variables or too_large.
    """
    limits = context.limits
    if held + len(sets) > limits.variables_per_run:
        raise Refused("too_many_variables", f"A run holds at most {limits.variables_per_run} variables.")
    values: dict[str, Value] = {}
    for name, value in sets.items():
        if not isinstance(name, str):
            raise Refused("step_error", f"The step sets {name!r:.60}; a variable's name is a text.")
        values[name] = from_plain(value)
        _check_size(context, f"“{name}”", encode(values[name]))
    return values


def checked_effects(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """The effects, each of which can be written down. Raises: Refused."""
    for effect in effects:
        if not isinstance(effect, Effect):
            raise Refused("step_error", f"The step asked for {effect!r:.60}, which is no effect.")
        to_data(effect)
    return tuple(effects)


def checked_keep(context: Context, keep: Mapping[str, Any]) -> dict[str, Any]:
    """What a step wants to find again, as it will find it. Raises: FlowError when JSON cannot hold it."""
    try:
        kept: dict[str, Any] = plain(dict(keep))
    except Misfit as misfit:
        raise misfit.inside("keep") from None
    _check_size(context, "What the step keeps", kept)
    return kept


def checked_waiting(context: Context, wait: Wait) -> Waiting:
    """What the run waits for from now on. Raises: Refused."""
    words = [word for word in wait.accepts if word not in ACCEPTABLE]
    if words:
        raise Refused("step_error", f"The step waits for {words[0]!r}; known are {', '.join(ACCEPTABLE)}.")
    until = wait.until
    if until is not None and until.tzinfo is None:
        raise Refused("step_error", "The step waits until an instant without a time zone.")
    most = context.limits.wait_seconds
    spans = (wait.limit_seconds or 0, wait.send_seconds or 0, wait.joining_seconds)
    if not all(span >= 0 for span in spans):  # said so that NaN is refused too
        raise Refused("step_error", "The step waits for less than no time.")
    if max(spans) > most or (until and until > context.now + timedelta(seconds=most)):
        raise Refused("wait_too_long", f"A wait lasts at most {most / 86_400:g} days; this one would last longer.")
    placed = context.flow.steps[context.step]
    if not wait.accepts and until is None and wait.limit_seconds is None and "message" not in placed.exits:
        raise Refused("step_error", "The step waits for nothing, and for ever.")
    return Waiting(
        accepts=tuple(wait.accepts),
        turn=context.run.turn,
        until=until.astimezone(UTC) if until else None,
        limit_seconds=None if wait.limit_seconds is None else float(wait.limit_seconds),
        send_seconds=None if wait.send_seconds is None else float(wait.send_seconds),
        joining_seconds=float(wait.joining_seconds),
        keep=checked_keep(context, wait.keep),
        leaves_by_message="message" in placed.exits and "message" not in wait.accepts,
    )


def _check_size(context: Context, name: str, data: Any) -> None:
    size_bytes, most = len(canonical_json(data).encode()), context.limits.variable_bytes
    if size_bytes > most:
        raise Refused("too_large", f"{name} would hold {size_bytes:,} bytes; at most {most:,} are kept.")
