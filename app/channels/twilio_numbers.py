"""Our addresses in the settings of an account's number.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from app.channels.contract import ConnectionInfo, Http, SendFailed
from app.channels.twilio_account import get, post
from app.channels.twilio_messages import WHATSAPP


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
    wrong = sorted(name for name, value in addresses.items() if _differs(kept, name, value))
    if wrong:
        raise _refused(f"Twilio did not keep {', '.join(wrong)} of {number}: enter the addresses in its console.")


def _method_of(name: str) -> str:
    """StatusCallback has StatusCallbackMethod, SmsUrl has SmsMethod."""
    return f"{name.removesuffix('Url')}Method"


def _differs(resource: Mapping[str, Any], name: str, value: str) -> bool:
    """Whether the number's resource names another address; a provider need not know all of them."""
    key = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return key in resource and resource[key] != value


def _refused(sentence: str) -> SendFailed:
    return SendFailed("provider_code", sentence, final=True)
