"""Language codes as Twilio's voices know them, https://www.twilio.com/docs/voice/twiml/say/text-speech."""

import re
from collections.abc import Mapping
from typing import Final

REGIONS: Final[Mapping[str, str]] = {
    "ar": "ar-XA",
    "cs": "cs-CZ",
    "da": "da-DK",
    "de": "de-DE",
    "el": "el-GR",
    "en": "en-US",
    "es": "es-ES",
    "fi": "fi-FI",
    "fr": "fr-FR",
    "he": "he-IL",
    "hi": "hi-IN",
    "hu": "hu-HU",
    "it": "it-IT",
    "ja": "ja-JP",
    "ko": "ko-KR",
    "lt": "lt-LT",
    "lv": "lv-LV",
    "nb": "nb-NO",
    "nl": "nl-NL",
    "no": "nb-NO",
    "pl": "pl-PL",
    "pt": "pt-PT",
    "ro": "ro-RO",
    "ru": "ru-RU",
    "sk": "sk-SK",
    "sv": "sv-SE",
    "tr": "tr-TR",
    "uk": "uk-UA",
    "vi": "vi-VN",
    "zh": "zh-CN",
}
"""The region taken where a flow names only the language."""

_WITH_REGION = re.compile(r"([A-Za-z]{2,3})[-_]([A-Za-z]{2})\Z")


def spoken_language(code: str) -> str | None:
    """Twilio's code, such as pl-PL for pl; None leaves the choice to the provider."""
    if found := _WITH_REGION.match(code):
        return f"{found[1].lower()}-{found[2].upper()}"
    return REGIONS.get(code.lower())
