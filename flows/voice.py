"""What voice steps share: their error without a caller, a lost call's end, and texts ready to be spoken."""

from collections.abc import Mapping
from typing import Any

from flows.context import Context
from flows.effect import Say
from flows.event import KeysPressed
from flows.form import Schema, advanced, number
from flows.values import Value

# The carrier ends a gather or a recording itself; a call it lost without a word must not hold the run for ever.
LOST_CALL_SECONDS = 900

VOICE_ERRORS: Mapping[str, str] = {
    "call_ended": "Nobody is on the line (any more), so nobody hears anything; send a message instead.",
}
ASR_ERRORS: Mapping[str, str] = {
    "asr_failed": "The provider could not make out surely enough what the caller said, however often asked.",
}
# The one sign of trouble that providers give: https://www.twilio.com/docs/voice/twiml/gather#action
SUREST_SPEECH: Schema = advanced(
    number(
        "Surest speech wanted",
        "Speech that the provider is less sure of is asked for again; 0 takes all, 1 is certainty.",
        minimum=0,
        maximum=1,
        default=0,
    )
)


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


def is_unsure(heard: KeysPressed, config: Mapping[str, Any]) -> bool:
    """Whether the provider is less sure of what was said than a step with SUREST_SPEECH wants."""
    return bool(heard.speech) and not heard.digits and heard.confidence < config["minimum_confidence"]
