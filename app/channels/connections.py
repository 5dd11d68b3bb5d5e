"""A connection's row as a channel sees it, with its secrets opened."""

import json
from collections.abc import Mapping
from typing import Any

from app.channels.contract import ConnectionInfo
from app.models.conversation import Connection
from app.sealing import SecretKey


def connection_info(row: Connection, key: SecretKey, public_url: str) -> ConnectionInfo:
    """The connection; `public_url` is the installation's. Raises: SealBroken: its secrets must be entered again."""
    settings: dict[str, Any] = json.loads(row.settings)
    secrets: dict[str, str] = {}
    if row.sealed:
        secrets = json.loads(key.open(_purpose(row.name, row.kind, settings), row.sealed))
    return ConnectionInfo(row.id, row.name, row.kind, settings, secrets, public_url)


def seal_secrets(
    key: SecretKey, name: str, kind: str, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> bytes:
    """What belongs into `connections.sealed`.

    Sealed together with the name, the kind and the address secrets are sent to: whoever changes that address must enter
    the secrets again, so nobody can have them sent to a host of their own.
    """
    return key.seal(_purpose(name, kind, settings), json.dumps(dict(secrets), sort_keys=True).encode())


def _purpose(name: str, kind: str, settings: Mapping[str, Any]) -> str:
    return json.dumps(["connection", name, kind, str(settings.get("api_base") or "")])
