"""Signed addresses of stored files: whoever has one may read that file until it expires, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Final

from app.sealing import SecretKey

_LIFETIME: Final = timedelta(hours=24)
_STEP_SECONDS: Final = 12 * 3600  # addresses made within half a day are equal, so that browsers can keep the picture
_PURPOSE: Final = "file-address"


def file_address(key: SecretKey, file_id: int, now: datetime) -> str:
    """The path /files/<id>/<signature>, valid for 12 to 24 hours; put the public URL before it where needed."""
    expires = (int(now.timestamp()) // _STEP_SECONDS) * _STEP_SECONDS + int(_LIFETIME.total_seconds())
    return f"/files/{file_id}/{expires:x}-{_sign(key, file_id, expires)}"


def opens(key: SecretKey, file_id: int, signature: str, now: datetime) -> bool:
    """Whether the last part of such a path is ours, for this file, and not expired."""
    expires_text, _, mac = signature.partition("-")
    try:
        expires = int(expires_text, 16)
        until = datetime.fromtimestamp(expires, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return key.verify(_PURPOSE, _data(file_id, expires), mac) and now < until


def _sign(key: SecretKey, file_id: int, expires: int) -> str:
    return key.sign(_PURPOSE, _data(file_id, expires))


def _data(file_id: int, expires: int) -> bytes:
    return f"{file_id}:{expires}".encode()
