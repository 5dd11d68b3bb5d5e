"""Seals secrets and signs addresses with the installation's one key (AES-256-GCM and HMAC-SHA256)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # NIST SP 800-38D §8.2.2: random nonces of 96 bits
_FORMAT: Final = b"\x01"  # first byte of everything sealed, so that the method can change later


class SealingError(Exception):
    """Everything this module refuses.

    SealingError
    ├── KeyUnusable    the key file is missing, broken or not this database's
    └── SealBroken     a sealed value was made with another key, for another purpose, or was changed
    """


class KeyUnusable(SealingError):
    """The process must not start; the message says what to do."""


class SealBroken(SealingError):
    """The value cannot be opened; it must be entered again or the right key brought back."""


class SecretKey:
    """The installation's key: it lives in a file, never in the database, which knows only its fingerprint."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyUnusable(f"A key has {KEY_BYTES} bytes, this one has {len(key)}.")
        self._cipher = AESGCM(_derived(key, "seal"))
        self._signing_key = _derived(key, "sign")
        self._fingerprint = _derived(key, "fingerprint").hex()[:32]

    def __repr__(self) -> str:
        return f"SecretKey(fingerprint={self._fingerprint!r})"

    @classmethod
    def load_or_create(cls, path: Path, database_is_empty: bool) -> SecretKey:
        """The key in the file `path`, made now if the database is empty and nothing lies there. Raises: KeyUnusable."""
        if not path.exists():
            if not database_is_empty:
                raise KeyUnusable(
                    f"The key file {path} is missing, but the database already holds data sealed with it: "
                    "bring the file back from a backup, or point SECRET_KEY_FILE to it."
                )
            _create(path)
        try:
            key = path.read_bytes()
        except OSError as error:
            raise KeyUnusable(
                f"The key file {path} cannot be read ({error.strerror}): give this user the right to read it."
            ) from None
        if len(key) != KEY_BYTES:
            raise KeyUnusable(
                f"The key file {path} holds {len(key)} bytes instead of {KEY_BYTES}: "
                "bring the right file back from a backup."
            )
        return cls(key)

    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the key and tell nothing about it; the database stores them."""
        return self._fingerprint

    def require(self, stored_fingerprint: str, path: Path) -> None:
        """Nothing, if this is the key whose fingerprint the database stores. Raises: KeyUnusable."""
        if not hmac.compare_digest(stored_fingerprint.encode(), self._fingerprint.encode()):
            raise KeyUnusable(
                f"The key file {path} is not the one this database was made with: "
                "bring the right file back from a backup, or point SECRET_KEY_FILE to it."
            )

    def seal(self, purpose: str, plaintext: bytes) -> bytes:
        """`plaintext` encrypted; only `open` with the same purpose (say, `credential:7`) gives it back."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, plaintext, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """What was sealed for this purpose. Raises: SealBroken."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] == _FORMAT and len(nonce) == _NONCE_BYTES:
                return self._cipher.decrypt(nonce, ciphertext, purpose.encode())
        except InvalidTag:
            pass
        raise SealBroken("A stored secret cannot be opened with this installation's key: enter it again.") from None

    def sign(self, purpose: str, data: bytes) -> str:
        """A signature of 43 characters, safe in an address; `purpose` keeps tickets from passing as file links."""
        return base64.urlsafe_b64encode(self._mac(purpose, data)).rstrip(b"=").decode("ascii")

    def verify(self, purpose: str, data: bytes, signature: str) -> bool:
        """True if `sign` made this signature for the same purpose and data; takes the same time for every wrong one."""
        return hmac.compare_digest(self.sign(purpose, data).encode(), signature.encode("utf-8", "replace"))

    def _mac(self, purpose: str, data: bytes) -> bytes:
        # The digest of the purpose has one length, so no purpose and data can be read as another pair.
        return hmac.digest(self._signing_key, hashlib.sha256(purpose.encode()).digest() + data, "sha256")


def _derived(key: bytes, use: str) -> bytes:
    """A key for one use: one block of HKDF-Expand (RFC 5869 §2.3), enough where the key is already random."""
    return hmac.digest(key, f"patchbay {use}".encode() + b"\x01", "sha256")


def _create(path: Path) -> None:
    """Writes a whole new key or nothing: another process that starts at the same moment finds it complete."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was faster: its key counts
                os.link(unfinished, path)
        finally:
            unfinished.unlink()
    except OSError as error:
        raise KeyUnusable(
            f"The key file {path} cannot be made ({error.strerror}): make its folder writable for this user."
        ) from None
