"""What a caller hears while a step waits for somebody or something else: silence, in short pieces."""

from dataclasses import replace

from flows.context import Context
from flows.effect import Pause
from flows.step import Wait


def in_silence(context: Context, wait: Wait, seconds: int = 1) -> Wait:
    """The wait, on a call also for CallPolled: the carrier has to be told something meanwhile, and asks again after so
    many seconds. Off a call it is as it was."""
    if not context.on_call:
        return wait
    return replace(wait, accepts=(*wait.accepts, "poll"), effects=[*wait.effects, Pause(seconds)])
