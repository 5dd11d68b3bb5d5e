"""The form of gather_input: what the caller is asked, what fits, and how it is read back."""

from collections.abc import Mapping

from flows.form import Schema, advanced, choice, localised, record, seconds, text, variable, whole
from flows.heard_answers import HEARD
from flows.sounds import STORED_SOUND_ERRORS, stored_sounds
from flows.voice import ASR_ERRORS, SUREST_SPEECH, VOICE_ERRORS

_WAYS = {"keys": "Keys", "speech": "Speech", "both": "Keys or speech"}
_KEYS = {key: key for key in "1234567890*#"}

GATHER_ERRORS: Mapping[str, str] = {
    **VOICE_ERRORS,
    **ASR_ERRORS,
    **STORED_SOUND_ERRORS,
    "parse_failed": "The input could not be checked: the author's pattern is wrong or takes too long.",
}

GATHER_FIELDS: Mapping[str, Schema] = {
    "prompt": localised("Prompt", "What the caller hears first, such as “Please type your order number.”"),
    "prompt_sounds": stored_sounds(
        "Prompt as a sound", "An uploaded sound instead of the text: one for all, or one per language."
    ),
    "by": choice("Answered by", "Whether keys, speech or both are heard.", _WAYS, default="keys"),
    "answer": HEARD,
    "minimum_digits": whole("Fewest digits", "Fewer are asked for again.", minimum=1, maximum=100, default=1),
    "maximum_digits": whole(
        "Most digits", "After so many keys the input is over; empty means the finish key ends it.", 1, 100
    ),
    "finish_key": choice(
        "Finish key", "The key that ends the input.", {"#": "#", "*": "*", "none": "None"}, default="#"
    ),
    "variable": variable("Variable", "The name under which later steps find the input."),
    "read_back": record(
        {
            "text": localised("Words", "Said with {{ entered }} in it, and which key does what.", extra=["entered"]),
            "confirm_key": choice("Right", "The key that says that it is right.", _KEYS, default="1"),
            "again_key": choice("Wrong", "The key that lets the caller begin again.", _KEYS, default="2"),
        },
        required=["text"],
        title="Read back",
        help_text="Reads the input to the caller, who confirms it by a key.",
    ),
    "attempts": whole("Attempts", "How often the caller is asked in all.", minimum=1, maximum=5, default=3),
    "timeout_seconds": seconds(
        "Time to begin", "How long a pause may be before the input is over.", minimum=1, maximum=60, default=5
    ),
    "no_input_text": localised("After silence", "Said before the prompt is repeated when nothing came."),
    "invalid_text": localised("After input that does not fit", "Said before the prompt is repeated then."),
    "minimum_confidence": SUREST_SPEECH,
    "voice": advanced(text("Voice", "The name of a voice of your provider; empty means its own choice.", default="")),
}
