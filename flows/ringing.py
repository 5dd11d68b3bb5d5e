"""The form of forward_call, and the phones that its targets stand for."""

from collections.abc import Mapping, Sequence

from flows.effect import Phone
from flows.event import DialEnded
from flows.form import Schema, address, advanced, choice, localised, record, rows, seconds, template, value
from flows.queueing import QUEUE_FIELDS
from flows.step import Json, Take, fail
from flows.voice import VOICE_ERRORS

MOST_PHONES = 10  # at a time: https://www.twilio.com/docs/voice/twiml/number
LONGEST_WHISPER = 300  # characters: it stands in an address, where a Cyrillic letter takes six

RING_ERRORS: Mapping[str, str] = {
    **VOICE_ERRORS,
    "invalid_number": "No target is a telephone number or SIP address that can be called.",
    "sip_status": "The call was refused; the message holds the SIP status code that came.",
    "expression_error": "A number or address depends on a value that is missing.",
    "too_large": "The whisper is longer than 300 characters.",
}
_ORDERS = {"one_after_another": "One after another", "together": "All together"}
_TARGET = record(
    {
        "number": template("Telephone number", "With + and country code, such as +48221234567."),
        "sip": address("SIP address", "Such as sip:anna@example.com;transport=tcp."),
        "contact": template("Contact", "An e-mail address of a contact, whose telephone number is called."),
        "agent": template("Agent", "The name of an agent of ours."),
        "list": value("List", "A list of numbers and SIP addresses, such as {{ on_duty }}."),
    },
    exactly_one_of=["number", "sip", "contact", "agent", "list"],
)
RING_FIELDS: Mapping[str, Schema] = {
    "targets": rows("To", "Who is called.", _TARGET, minimum=1, maximum=MOST_PHONES),
    "order": choice(
        "Ring", "Whether all ring at once, or each when the one before did not answer.", _ORDERS, "one_after_another"
    ),
    "ring_seconds": seconds("Time to answer", "How long each phone rings.", minimum=5, maximum=600, default=30),
    "whisper": localised("Whisper", "What whoever answers hears before the caller is put through."),
    "caller_id": advanced(template("Caller id", "The number they see; empty means the caller's own.", default="")),
    "limit_seconds": advanced(
        seconds("Longest conversation", "The forwarded call ends after this time.", minimum=10, maximum=14_400)
    ),
    "headers": QUEUE_FIELDS["headers"],
}


def rung(tried: Sequence[Mapping[str, Json]], why: Mapping[str, Json]) -> Take:
    """Where a call goes that nobody answered: silence weighs more than a busy line, and that more than an error."""
    outcomes = {one["outcome"] for one in tried}
    if outcomes & {"no-answer", "canceled"} or not outcomes:
        return Take("no_answer", why=why)
    if "busy" in outcomes:
        return Take("busy", why=why)
    code: int = tried[-1]["sip_status"]
    told = f"with the SIP status {code}" if code else "without telling a SIP status"
    return fail("sip_status", f"The call was refused {told}.", retryable=code >= 500, why=why)


def attempt(ended: DialEnded, phones: Sequence[Phone]) -> dict[str, Json]:
    """One attempt, for the trace."""
    who = ", ".join(phone.number or phone.sip for phone in phones)
    return {"to": who, "outcome": ended.outcome, "sip_status": ended.sip_status, "seconds": ended.seconds}
