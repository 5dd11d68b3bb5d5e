"""Message-IDs of ours: each names its effect, and nobody can make one up, so what comes back tells what it is about."""

import hashlib
import hmac
import re
from typing import Final

_LENGTH: Final = 20  # hexadecimal digits: 80 bits, which nobody guesses by sending mail
_OURS: Final = re.compile(rf"<(\d{{1,18}}(?:\.[a-z0-9]{{1,40}}){{1,20}})\.([0-9a-f]{{{_LENGTH}}})@[^<>@\s]{{1,255}}>")


def message_id(secret: str, effect_id: int, effect_key: str, domain: str) -> str:
    """The Message-ID of an effect, always the same one (RFC 5322 §3.6.4). `secret` is the installation's."""
    name = f"{effect_id}.{effect_key.replace('/', '.')}"
    return f"<{name}.{_mac(secret, name)}@{domain}>"


def effect_of(secret: str, text: str) -> int:
    """The id of the effect that the first Message-ID of ours in a text names; 0 where there is none."""
    if not secret:
        return 0
    for found in _OURS.finditer(text):
        if hmac.compare_digest(_mac(secret, found[1]), found[2]):
            return int(found[1].partition(".")[0])
    return 0


def _mac(secret: str, name: str) -> str:
    return hmac.digest(secret.encode(), name.encode(), hashlib.sha256).hex()[:_LENGTH]
