"""What has to be right at Twilio for a connection to work: the account, its numbers, and where each of them leads.

https://www.twilio.com/docs/iam/api/account, https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource,
https://www.twilio.com/docs/messaging/api/service-resource
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from app.channels.checks import Check, OwnNumber
from app.channels.contract import ConnectionInfo, Http
from app.channels.twilio_account import account_address, look, messaging_base
from app.channels.twilio_messages import WHATSAPP
from app.channels.twilio_numbers import capabilities, differing, find_number

_INACTIVE: Final = frozenset({10001, 20005, 30002})  # https://www.twilio.com/docs/api/errors
_MOST_NUMBERS: Final = 40
_MOST_SERVICES: Final = 20
_REDIRECTS: Final = (
    # What stands here at a number makes Twilio forget the number's own addresses.
    ("trunk_sid", "calls", "a SIP trunk"),
    ("voice_application_sid", "calls", "a TwiML application"),
    ("sms_application_sid", "messages", "a TwiML application"),
)


def check_account(connection: ConnectionInfo, http: Http) -> Check:
    """Whether the account lets us in, and may be used. Raises: OutgoingError."""
    status, said = look(connection, account_address(connection), http)
    word, code = str(said.get("status") or ""), said.get("code")
    if code in _INACTIVE or word in {"suspended", "closed"}:
        sentence = (
            f"The account is {word if status == 200 and word else 'not active'} at Twilio: nothing goes in or out."
        )
        return Check("account", "wrong", sentence, "Open Twilio's console: it says what the account lacks.")
    if status == 401:
        sentence = "Twilio refuses the account SID or the auth token."
        return Check("credentials", "wrong", sentence, "Copy both anew from the start page of Twilio's console.")
    if status in {403, 404}:
        sentence = f"Twilio does not open this account to us (status {status})."
        mend = "Look whether the account SID is this account's, begins with AC, and belongs to its auth token."
        return Check("credentials", "wrong", sentence, mend)
    if status != 200:
        return Check("credentials", "unknown", f"Twilio answered with status {status}.", "Test again in a minute.")
    if said.get("type") == "Trial":
        sentence = "The account is on trial: Twilio sends only to telephone numbers that were verified there."
        return Check("account", "good", sentence, "Upgrade the account before customers write.")
    return Check("account", "good", "Twilio lets us in, and the account is active.")


def check_numbers(
    connection: ConnectionInfo, numbers: Sequence[OwnNumber], addresses: Mapping[str, str], http: Http
) -> Iterator[Check]:
    """Whether the account has our numbers, what they can do, and whom they call. Raises: FetchFailed, OutgoingError."""
    for number in numbers[:_MOST_NUMBERS]:
        if number.value.startswith(WHATSAPP):
            sentence = f"Where messages to {number.value} go can be seen only in Twilio's console."
            mend = f"There it must be {addresses['SmsUrl']}."
            yield Check("webhooks", "unknown", sentence, mend, number.value)
            continue
        found = find_number(connection, number.value, http)
        if found is None:
            sentence = f"The account has no number {number.value}."
            yield Check("number", "wrong", sentence, "Buy or port it there, or correct the number.", number.value)
            continue
        yield _able(number, found)
        yield _leads_here(number, found, addresses)
    if len(numbers) > _MOST_NUMBERS:
        left = f"Only the first {_MOST_NUMBERS} numbers were looked at."
        yield Check(
            "number", "unknown", left, "The list of the carrier's numbers has all of them with their addresses."
        )


def check_services(
    connection: ConnectionInfo, numbers: Sequence[OwnNumber], address: str, http: Http
) -> Iterator[Check]:
    """Whether a Messaging Service takes the messages of a number of ours away. Raises: OutgoingError."""
    base = messaging_base(connection)
    ours = {number.value for number in numbers if number.answers_messages}
    if not base or not ours:
        return
    for service in _listed(connection, f"{base}/Services", "services", http)[:_MOST_SERVICES]:
        members = _listed(connection, f"{base}/Services/{service.get('sid')}/PhoneNumbers", "phone_numbers", http)
        if service.get("use_inbound_webhook_on_number") is True or service.get("inbound_request_url") == address:
            continue
        for value in sorted(ours & {str(member.get("phone_number")) for member in members}):
            called = f"the Messaging Service “{str(service.get('friendly_name') or '')[:80]}”"
            sentence = f"{value} belongs to {called}, which sends its messages elsewhere."
            mend = f"Choose “Defer to sender's webhook” in that service, or enter {address} there."
            yield Check("messaging_service", "wrong", sentence, mend, value)


def _able(number: OwnNumber, found: Mapping[str, Any]) -> Check:
    able = capabilities(found)
    wanted = (("calls", number.answers_calls), ("messages", number.answers_messages))
    lacks = [what for what, is_wanted in wanted if is_wanted and able and what not in able]
    if lacks:
        sentence = f"{number.value} takes no {' and no '.join(lacks)} at Twilio."
        mend = f"Take another number for {' and '.join(lacks)}, or let this one answer none."
        return Check("number", "wrong", sentence, mend, number.value)
    return Check("number", "good", f"The account has {number.value}.", number=number.value)


def _leads_here(number: OwnNumber, found: Mapping[str, Any], addresses: Mapping[str, str]) -> Check:
    answers = {"calls": number.answers_calls, "messages": number.answers_messages}
    for field, what, holder in _REDIRECTS:
        if found.get(field) and answers[what]:
            sentence = f"{what.capitalize()} of {number.value} go to {holder}, so that our addresses do not count."
            return Check("webhooks", "wrong", sentence, "Take the number out of it in Twilio's console.", number.value)
    wanted = {name: value for name, value in addresses.items() if answers["messages" if "Sms" in name else "calls"]}
    others = differing(found, wanted)
    asked_wrongly = [name for name in wanted if name.endswith("Url") and _method(found, name) == "GET"]
    if others or asked_wrongly:
        names = ", ".join(dict.fromkeys([*others, *asked_wrongly]))
        sentence = f"{number.value} does not call us by POST at the right addresses: {names}."
        return Check("webhooks", "wrong", sentence, "Connect the number, or enter the addresses there.", number.value)
    return Check("webhooks", "good", f"{number.value} calls us.", number=number.value)


def _method(found: Mapping[str, Any], name: str) -> str:
    plain = "sms" if name.startswith("Sms") else "voice"
    return str(found.get(f"{plain}_fallback_method" if "Fallback" in name else f"{plain}_method") or "").upper()


def _listed(connection: ConnectionInfo, address: str, key: str, http: Http) -> list[Mapping[str, Any]]:
    """The first page of a list; none where the account does not show it."""
    _, said = look(connection, f"{address}?{urlencode({'PageSize': 100})}", http)
    listed = said.get(key)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
