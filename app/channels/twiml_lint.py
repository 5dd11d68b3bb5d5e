"""Finds what is wrong with a voice document of ours. The SDK's builders accept anything, so this compares with the
parameters they name, and with a nesting table and the rules of the portable subset of our own."""

import inspect
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from twilio.twiml import TwiML, lower_camel
from twilio.twiml.voice_response import Dial, VoiceResponse

LARGEST_BYTES: Final = 65_536  # https://www.twilio.com/docs/api/errors/11750

CHILDREN: Final[Mapping[str, frozenset[str]]] = {
    "Response": frozenset({"Say", "Play", "Gather", "Record", "Dial", "Pause", "Redirect", "Reject", "Hangup"}),
    "Gather": frozenset({"Say", "Play", "Pause"}),
    "Dial": frozenset({"Number", "Sip"}),
}
"""What may stand in what: all that we write. An element that is not a key holds no other."""

_WITH_TEXT: Final = frozenset({"Say", "Play", "Redirect", "Number", "Sip"})
_ENDS: Final = frozenset({"Reject", "Hangup", "Redirect", "Dial"})
_ADDRESSES: Final = {"action": "method", "recordingStatusCallback": "recordingStatusCallbackMethod", "url": "method"}
"""The attributes that hold an address of ours, and which one says how it is asked."""

MOST_PHONES: Final = 10  # of one Dial: https://www.twilio.com/docs/voice/twiml/number

_BUILDERS = {
    **{name: getattr(VoiceResponse, name.lower()) for name in CHILDREN["Response"]},
    "Number": Dial.number,
    "Sip": Dial.sip,
}


def problems(document: str, *, of_whisper: bool = False) -> list[str]:
    """A sentence for each thing that is wrong; none when a carrier can execute the document.

    of_whisper: it is heard by whoever answers a forwarded call, and its end connects the two.
    """
    if len(document.encode()) > LARGEST_BYTES:
        return [f"The document has more than {LARGEST_BYTES // 1024} KiB, which carriers refuse."]
    try:
        root = ET.fromstring(document)  # noqa: S314  our own document, not a stranger's
    except ET.ParseError as problem:
        return [f"The document is not XML: {problem}."]
    if root.tag != "Response":
        return [f"The document begins with {root.tag} instead of Response."]
    if of_whisper:
        strays = {verb.tag for verb in root} - {"Say", "Play", "Pause"}
        return [*_wrong_within(root), *(f"{tag} stands in a whisper, which may only be heard." for tag in strays)]
    return [*_wrong_within(root), *_wrong_order(root)]


@cache
def attributes_of(tag: str) -> frozenset[str]:
    """The attributes that the SDK names for an element, in the spelling of the document."""
    if tag == "Response":
        return frozenset()
    names = [
        parameter.name
        for parameter in inspect.signature(_BUILDERS[tag]).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD and parameter.name != "self"
    ]
    text = names[:1] if tag in _WITH_TEXT or tag == "Dial" else []  # the first parameter is the element's text
    return frozenset(lower_camel(TwiML.MAP.get(name, name)) for name in names if name not in text)


def _wrong_within(element: ET.Element) -> Iterator[str]:
    tag = element.tag
    for name in sorted(element.attrib.keys() - attributes_of(tag)):
        yield f"{tag} has an attribute {name}, which carriers do not know."
    text = (element.text or "").strip()
    if bool(text) != (tag in _WITH_TEXT):
        yield f"{tag} {'has no text' if tag in _WITH_TEXT else 'holds a text, which is ignored'}."
    yield from _wrong_for_portability(element, text)
    for child in element:
        if child.tag not in CHILDREN.get(tag, frozenset()):
            yield f"{child.tag} stands in {tag}, where carriers do not take it."
        else:
            yield from _wrong_within(child)
        if (child.tail or "").strip():
            yield f"There is a text after {child.tag}, which is ignored."
    if tag == "Dial" and not 1 <= len(element) <= MOST_PHONES:
        yield f"Dial does not hold one to {MOST_PHONES} Numbers or Sips."


def _wrong_for_portability(element: ET.Element, text: str) -> Iterator[str]:
    addresses = {text: "method"} if element.tag == "Redirect" else {text: ""} if element.tag == "Play" else {}
    addresses |= {element.get(name, ""): how for name, how in _ADDRESSES.items() if element.get(name) is not None}
    for address, how in addresses.items():
        if not re.match(r"https?://[^/\s]", address):
            yield f"{element.tag} has the address {address!r}, which is not absolute."
        if how and element.get(how) != "POST":
            yield f'{element.tag} does not say {how}="POST".'
    if element.tag == "Record" and (element.get("action") is None or element.get("recordingStatusCallback") is None):
        yield "Record lacks an action or a recordingStatusCallback, so a caller who hangs up loses what was recorded."
    if element.tag == "Gather" and (element.get("action") is None or element.get("actionOnEmptyResult") != "true"):
        yield 'Gather lacks an action or actionOnEmptyResult="true".'
    if element.tag == "Dial" and element.get("answerOnBridge") != "true":
        yield 'Dial does not say answerOnBridge="true".'
    if element.tag == "Sip" and not re.match(r"sips?:[^\s?]+;transport=(udp|tcp|tls)", text, re.IGNORECASE):
        yield f"The SIP address {text!r} names no transport."


def _wrong_order(root: ET.Element) -> Iterator[str]:
    verbs = list(root)
    if not verbs or verbs[-1].tag not in _ENDS or (verbs[-1].tag == "Dial" and verbs[-1].get("action") is None):
        yield "The document neither ends the call nor brings the carrier back."
    for index, verb in enumerate(verbs):
        following = verbs[index + 1] if index + 1 < len(verbs) else None
        gives_away = verb.tag in {"Reject", "Hangup", "Redirect"} or (verb.tag == "Dial" and verb.get("action"))
        if gives_away and following is not None:
            yield f"{following.tag} after {verb.tag} is never reached."
        if verb.tag in {"Gather", "Record"} and not _goes_on_empty(verb, following):
            yield f"{verb.tag} is not followed by a Redirect to its own action and turn with the empty flag."
    if verbs and any(verb.tag == "Reject" for verb in verbs[1:]):
        yield "Reject does not stand first, so the call is answered before it."


def _goes_on_empty(gather: ET.Element, following: ET.Element | None) -> bool:
    if following is None or following.tag != "Redirect":
        return False
    action, target = urlsplit(gather.get("action", "")), urlsplit((following.text or "").strip())
    return action[:3] == target[:3] and [*parse_qsl(action.query), ("empty", "1")] == parse_qsl(target.query)
