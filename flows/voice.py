"""What voice steps share: their error without a caller, and texts in the caller's language, ready to be spoken."""

from collections.abc import Mapping

from flows.context import Context
from flows.effect import Say
from flows.values import Value

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
