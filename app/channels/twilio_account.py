"""Requests to an account's REST interface, and what its answers mean.

https://www.twilio.com/docs/usage/requests-to-twilio
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from app.channels.contract import ConnectionInfo, Http, SendFailed
from app.channels.twilio_errors import NOT_NOW, QUEUE_FULL, error_kind, error_sentence
from app.outgoing import ConnectionLost, OutgoingAnswer, OutgoingRequest
from app.web_address import BadWebAddress, read_web_address

DEFAULT_API: Final = "https://api.twilio.com"
ANSWER_SECONDS: Final = 20.0  # RELIABILITY §2: a send may take 20 s in all
_ANSWER_BYTES = 2 * 1024 * 1024  # a page of 200 messages
_WAIT_SECONDS = {429: 1.0, 401: 60.0}
_QUEUE_FULL_SECONDS = 60.0


def post(
    connection: ConnectionInfo, path: str, form: Sequence[tuple[str, str]], http: Http, key: str = ""
) -> Mapping[str, Any]:
    """What a form posted below the account made. `key` is the idempotency key.

    Raises: SendFailed, when the provider surely refused; OutgoingError otherwise.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"Idempotency-Key": key} if key else {})
    request = _request(connection, "POST", path)
    return _read(http.send(replace(request, headers=headers, body=urlencode(form).encode())))


def get(connection: ConnectionInfo, path: str, http: Http) -> Mapping[str, Any]:
    """What lies at a path below the account. Raises: SendFailed, OutgoingError."""
    return _read(http.send(_request(connection, "GET", path)))


def look(connection: ConnectionInfo, address: str, http: Http) -> tuple[int, Mapping[str, Any]]:
    """Status and data of what lies at an address of the API; empty data where they cannot be read, and no status is
    refused. Raises: OutgoingError."""
    request = OutgoingRequest(
        "GET",
        address,
        timeout_seconds=ANSWER_SECONDS,
        maximum_bytes=_ANSWER_BYTES,
        secret_headers=secret_headers(connection, address),
        follow_redirects=False,
    )
    answer = http.send(request)
    return answer.status, _json(answer) or {}


def account_address(connection: ConnectionInfo, path: str = "") -> str:
    """The address of a path below the account, or of the account itself."""
    account = f"{_base(connection)}/2010-04-01/Accounts/{connection.secrets.get('account_sid', '')}"
    return f"{account}/{path}" if path else f"{account}.json"


def messaging_base(connection: ConnectionInfo) -> str:
    """Where the account's Messaging Services are, empty where that is not known: at a provider other than Twilio.

    https://www.twilio.com/docs/messaging/api/service-resource; with a region the hosts differ in their first word too.
    """
    found = re.fullmatch(r"https://api((?:\.[a-z0-9-]+)*\.twilio\.com)", _base(connection))
    return f"https://messaging{found[1]}/v1" if found else ""


def secret_headers(connection: ConnectionInfo, address: str) -> Mapping[str, str]:
    """The account's authentication, if this address lies at one of its APIs; none for any other origin.

    Its media ask for it too: https://www.twilio.com/docs/messaging/api/media-resource
    """
    sid, token = connection.secrets.get("account_sid", ""), connection.secrets.get("auth_token", "")
    try:
        bases = [base for base in (_base(connection), messaging_base(connection)) if base]
        is_own = read_web_address(address).origin in [read_web_address(base).origin for base in bases]
    except BadWebAddress:
        is_own = False
    pair = base64.b64encode(f"{sid}:{token}".encode()).decode("ascii")
    return {"Authorization": f"Basic {pair}"} if is_own and sid and token else {}


def unclear(sentence: str) -> ConnectionLost:
    """An answer that does not tell what happened; only a look-up or a callback can."""
    return ConnectionLost(sentence, may_have_arrived=True, answer_began=True)


def _request(connection: ConnectionInfo, method: str, path: str) -> OutgoingRequest:
    sid, token = connection.secrets.get("account_sid", ""), connection.secrets.get("auth_token", "")
    if not sid or not token:
        sentence = f"The connection {connection.name} has no account SID or no auth token: enter both, then send again."
        raise SendFailed("provider_code", sentence, final=False, retry_after_seconds=60, whole_number=True)
    address = account_address(connection, path)
    return OutgoingRequest(
        method,
        address,
        timeout_seconds=ANSWER_SECONDS,
        maximum_bytes=_ANSWER_BYTES,
        secret_headers=secret_headers(connection, address),
        follow_redirects=False,
    )


def _base(connection: ConnectionInfo) -> str:
    return str(connection.settings.get("api_base") or DEFAULT_API).rstrip("/")


def _read(answer: OutgoingAnswer) -> Mapping[str, Any]:
    """The answer's data. A 5xx is no refusal: a gateway may fail after the message was made."""
    if answer.status < 400 or answer.status == 408 or answer.status >= 500:
        said = _json(answer)
        if said is None or not 200 <= answer.status < 300:
            raise unclear(f"The provider answered with status {answer.status}, which does not tell what it did.")
        return said
    raise _refused(answer, _json(answer) or {})


def _refused(answer: OutgoingAnswer, said: Mapping[str, Any]) -> SendFailed:
    code = said.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 0
    sentence = error_sentence(number, str(said.get("message") or f"status {answer.status}"))
    if answer.status in _WAIT_SECONDS or number in NOT_NOW:
        asked = answer.headers.get("retry-after", "")
        wait = _QUEUE_FULL_SECONDS if number in QUEUE_FULL else _WAIT_SECONDS.get(answer.status, 1.0)
        seconds = min(float(asked), 86_400.0) if asked.isascii() and asked.isdecimal() else wait
        return SendFailed("provider_code", sentence, final=False, retry_after_seconds=seconds, whole_number=True)
    return SendFailed(error_kind(number), sentence, final=True)


def _json(answer: OutgoingAnswer) -> Mapping[str, Any] | None:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
