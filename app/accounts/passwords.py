"""Passwords: argon2id, and what a password must be like."""

import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import Invalid

SHORTEST: Final = 10
LONGEST: Final = 200
"""More characters than anybody types; a megabyte would keep a processor busy with nothing."""

# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id (46 MiB, one pass, one lane)
_hasher: Final = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1, type=Type.ID)
_OF_NOBODY: Final = "$argon2id$v=19$m=47104,t=1,p=1$YSBzYWx0IG9mIG5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""No password has it. Whoever guesses at an unknown account waits as long as at a known one."""


def hashed(password: str) -> str:
    """What is stored of a password; takes some 40 ms of a processor, and 46 MiB."""
    return _hasher.hash(_spelled(password))


def is_right(stored: str | None, password: str) -> bool:
    """Whether it is the password of the stored hash; None, of an unknown account, takes as long and is never right."""
    if len(password) > LONGEST:
        return False  # nobody has one; whoever asks knows its length
    try:
        _hasher.verify(stored or _OF_NOBODY, _spelled(password))
    except (InvalidHashError, VerificationError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def refuse_weak(password: str, email: str, name: str) -> None:
    """Raises: Invalid with a sentence."""
    if len(password) < SHORTEST:
        raise Invalid(f"A password has at least {SHORTEST} characters: three or four words are easy to keep.", "weak")
    if len(password) > LONGEST:
        raise Invalid(f"A password has at most {LONGEST} characters: choose a shorter one.", "weak")
    plain = password.casefold()
    if plain in {email.casefold(), name.casefold()} or len(set(plain)) < 4:
        raise Invalid("This password is the first one a stranger would try: choose another one.", "weak")


def _spelled(password: str) -> bytes:
    """One spelling for what keyboards write in two ways, such as ó."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")
