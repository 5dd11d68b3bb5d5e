"""What is stored in the place of a secret that we made."""

import hashlib


def digest(text: str) -> str:
    """What is stored of a secret that has 192 random bits or more: nothing slower is needed for those."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
