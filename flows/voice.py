"""What voice steps share: their error without a caller, a lost call's end, and texts ready to be spoken."""

from collections.abc import Mapping

from flows.context import Context
from flows.effect import Say
from flows.values import Value

# The carrier ends a gather or a recording itself; a call it lost without a word must not hold the run for ever.
LOST_CALL_SECONDS = 900

VOICE_ERRORS: Mapping[str, str] = {
    "call_ended": "Nobody is on the line (any more), so nobody hears anything; send a message instead.",
}


def spoken(
    context: Context,
    texts: Mapping[str, str],
    *,
    voice: str = "",
    repeat: int = 1,
    extra: Mapping[str, Value] | None = None,
) -> Say | None:
    """A text of the author, ready to be spoken; None when nothing is left of it once its values are filled in.

    Raises: ExpressionError, TooLarge.
    """
    text = context.localised(texts, extra).strip() if texts else ""
    return Say(text, language=context.language, voice=voice, repeat=repeat) if text else None
