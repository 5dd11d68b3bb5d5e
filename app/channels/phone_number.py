"""Telephone numbers in their one spelling, E.164.

Ours come with every webhook and people write several times, so the latest answers are remembered.
"""

from functools import lru_cache

import phonenumbers


@lru_cache(maxsize=4_096)
def read_phone_number(text: str, country: str = "") -> str:
    """The number as E.164, a national one read as `country`'s (ISO code); empty when it is no telephone number."""
    try:
        number = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=1_024)
def country_of(number: str) -> str:
    """The ISO code of an E.164 number's country; empty when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""
