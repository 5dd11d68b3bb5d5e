"""The numbers of an account: what it has, and our addresses in their settings.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from app.channels.carrier_numbers import Capability, CarrierNumber, CarrierPage, shown_address
from app.channels.contract import ConnectionInfo, FetchFailed, Http, SendFailed
from app.channels.twilio_account import account_address, get, look, post
from app.channels.twilio_messages import WHATSAPP

_CAPABILITIES: Final[Mapping[str, Capability]] = {"voice": "calls", "sms": "messages", "mms": "media"}
_NAMES: Final = ("SmsUrl", "SmsFallbackUrl", "VoiceUrl", "VoiceFallbackUrl", "StatusCallback")


def carrier_numbers(connection: ConnectionInfo, after: str, most: int, http: Http) -> CarrierPage:
    """A page of the account's numbers. Raises: FetchFailed, OutgoingError.

    Twilio's own places in the list are a page and a token: https://www.twilio.com/docs/usage/twilios-response#pagination
    """
    if not (connection.secrets.get("account_sid") and connection.secrets.get("auth_token")):
        raise FetchFailed(f"The connection “{connection.name}” has no account SID or no auth token: enter both.")
    page, _, token = after.partition(".")
    query = {"PageSize": str(most)} | ({"Page": page} if page else {}) | ({"PageToken": token} if token else {})
    address = account_address(connection, f"IncomingPhoneNumbers.json?{urlencode(query)}")
    status, said = look(connection, address, http)
    listed = said.get("incoming_phone_numbers")
    if status != 200 or not isinstance(listed, list):
        raise FetchFailed(f"Twilio does not list the account's numbers (status {status}): test this connection.")
    following = dict(parse_qsl(str(said.get("next_page_uri") or "").partition("?")[2]))
    place = ".".join(filter(None, (following.get("Page"), following.get("PageToken"))))
    return CarrierPage([_number(one) for one in listed if isinstance(one, dict)], place)


def find_number(connection: ConnectionInfo, number: str, http: Http) -> Mapping[str, Any] | None:
    """What the account tells about one number, None when it does not have it. Raises: FetchFailed, OutgoingError."""
    query = urlencode({"PhoneNumber": number, "PageSize": 1})
    status, said = look(connection, account_address(connection, f"IncomingPhoneNumbers.json?{query}"), http)
    listed = said.get("incoming_phone_numbers")
    if status != 200 or not isinstance(listed, list):
        raise FetchFailed(f"Twilio does not tell about {number} (status {status}).")
    found = [one for one in listed if isinstance(one, dict) and one.get("phone_number", number) == number]
    return found[0] if found else None


def capabilities(resource: Mapping[str, Any]) -> list[Capability]:
    """What a number can do; a provider need not tell."""
    told = resource.get("capabilities")
    able = {str(name).lower(): is_able for name, is_able in told.items()} if isinstance(told, dict) else {}
    return [ours for theirs, ours in _CAPABILITIES.items() if able.get(theirs) is True]


def differing(resource: Mapping[str, Any], addresses: Mapping[str, str]) -> list[str]:
    """The names of those addresses that are others at the number."""
    return sorted(name for name, value in addresses.items() if _differs(resource, name, value))


def set_webhooks(connection: ConnectionInfo, number: str, addresses: Mapping[str, str], http: Http) -> None:
    """Enters the addresses (`webhook_addresses`) and reads them back; repeating it changes nothing.

    Raises: SendFailed, OutgoingError.
    """
    if number.startswith(WHATSAPP):
        raise _refused(f"Twilio takes the addresses of {number} only in its console: enter them there.")
    query = urlencode({"PhoneNumber": number, "PageSize": 1})
    found = get(connection, f"IncomingPhoneNumbers.json?{query}", http).get("incoming_phone_numbers")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise _refused(f"The account has no number {number}: buy it there, or correct the number.")
    path = f"IncomingPhoneNumbers/{found[0].get('sid')}.json"
    form = [pair for name, value in addresses.items() for pair in ((name, value), (_method_of(name), "POST"))]
    post(connection, path, form, http)
    kept = get(connection, path, http)
    wrong = differing(kept, addresses)
    if wrong:
        raise _refused(f"Twilio did not keep {', '.join(wrong)} of {number}: enter the addresses in its console.")


def _number(resource: Mapping[str, Any]) -> CarrierNumber:
    webhooks = {name: shown_address(str(resource.get(_key_of(name)) or "")) for name in _NAMES}
    return CarrierNumber(
        value=str(resource.get("phone_number") or "")[:200],
        name=str(resource.get("friendly_name") or "")[:200],
        capabilities=capabilities(resource),
        webhooks={name: address for name, address in webhooks.items() if address},
    )


def _method_of(name: str) -> str:
    """StatusCallback has StatusCallbackMethod, SmsUrl has SmsMethod."""
    return f"{name.removesuffix('Url')}Method"


def _differs(resource: Mapping[str, Any], name: str, value: str) -> bool:
    """Whether the number's resource names another address; a provider need not know all of them."""
    key = _key_of(name)
    return key in resource and resource[key] != value


def _key_of(name: str) -> str:
    """SmsUrl is sms_url in answers."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _refused(sentence: str) -> SendFailed:
    return SendFailed("provider_code", sentence, final=True)
