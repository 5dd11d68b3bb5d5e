"""The field for how phrases are looked for, the same in every step that looks for some."""

from flows.form import Schema, advanced, choice

_WORDS = {
    "phrase": "These words side by side",
    "word": "Each of these words somewhere",
    "prefix": "Words that begin so",
    "inflected": "These words in any form",
}

PHRASE_MODE: Schema = advanced(choice("Words match", "How the words are looked for.", _WORDS, default="phrase"))
