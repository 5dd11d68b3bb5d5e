"""Voice documents: verbs as TwiML in the portable subset, by the official SDK. https://www.twilio.com/docs/voice/twiml"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, assert_never
from urllib.parse import quote, urlencode

from twilio.twiml.voice_response import Gather as GatherElement
from twilio.twiml.voice_response import VoiceResponse

from app.channels.contract import CallPlace, ConnectionInfo, Document
from app.channels.twilio_languages import spoken_language
from flows.effect import Dial, Gather, HangUp, Pause, Phone, Play, Record, Reject, Say, Verb

LONGEST_ENCODED: Final = 3_000
"""Of one Say, percent-encoded: the least of Twilio's bounds (https://www.twilio.com/docs/api/errors/13521), so that a
Cyrillic text is cut where it must be. A longer one becomes several."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets
_PIECE = re.compile(r".{1,240}(?:[.!?…]\s+|\Z)|.{1,240}(?:\s+|\Z)|.{1,240}", re.DOTALL)  # 12 encoded characters each
_REPEATED_BYTES = 32_768  # a document may have 64 KiB: https://www.twilio.com/docs/api/errors/11750
_HEADER = re.compile(r"X-(?!Twilio)[A-Za-z0-9-]{1,60}\Z", re.IGNORECASE)  # https://www.twilio.com/docs/api/errors/32113


def render(connection: ConnectionInfo, verbs: Sequence[Verb], place: CallPlace) -> Document:
    """The document of the verbs, up to the first that gives the call away (gather, record, dial, hang up, reject): what
    follows such a one is unreachable and belongs to a later document.

    A document that neither ends the call nor gives it away comes back with the next turn.
    """
    back = f"{connection.hook('calls/turn')}?turn={place.next_turn}"
    response = VoiceResponse()
    for verb in verbs:
        match verb:
            case Say() | Play() | Pause():
                _speak(response, verb, place.language)
            case Gather():
                _gather(response, verb, f"{back}&after=gather", place.language)
                return _document(response)
            case Record():
                of_it = urlencode({"recording": verb.effect})
                status = f"{connection.hook('calls/recording')}?turn={place.next_turn}&{of_it}"
                _record(response, verb, f"{back}&after=record&{of_it}", status)
                return _document(response)
            case Dial():
                whispered = _whisper_address(connection, verb, place.language)
                _dial(response, verb, whispered, action=f"{back}&after=dial", method="POST")
                return _document(response)
            case Reject():
                response.reject(reason=verb.reason)
                return _document(response)
            case HangUp():
                response.hangup()
                return _document(response)
            case _:
                assert_never(verb)
    response.redirect(f"{back}&after=pause", method="POST")
    return _document(response)


def fallback(apology: str, fallback_number: str, language: str) -> Document:
    """The apology, then the fallback number where there is one, then the end; it needs no answer of ours any more."""
    response = VoiceResponse()
    _speak(response, Say(apology), language)
    if fallback_number:
        _dial(response, Dial(number=fallback_number))
    response.hangup()
    return _document(response)


def whisper(text: str, language: str, voice: str) -> Document:
    """What whoever answers a forwarded call hears before the two are connected, which the end of the document does.

    https://www.twilio.com/docs/voice/twiml/number#attributes-url
    """
    response = VoiceResponse()
    _speak(response, Say(text, voice=voice), language)
    return _document(response)


def sip_address(uri: str, headers: Mapping[str, str]) -> str:
    """A SIP address that names its transport, with the X-… headers after its question mark.

    Carriers differ in what they take by default: SignalWire TLS, Twilio UDP.
    """
    address, _, given = uri.strip().partition("?")
    if not address.lower().startswith(("sip:", "sips:")):
        address = f"sip:{address}"
    if ";transport=" not in address.lower():
        address += ";transport=tls" if address.lower().startswith("sips:") else ";transport=udp"
    pairs = [f"{name}={quote(value, safe='')}" for name, value in headers.items() if _HEADER.match(name)]
    query = "&".join(filter(None, [given, *pairs]))
    return f"{address}?{query}" if query else address


def spoken_pieces(text: str) -> Iterator[str]:
    """The text in pieces that one Say can hold, cut after sentences or words; without characters XML refuses."""
    piece = ""
    for part in _PIECE.findall(_NOT_XML.sub(" ", text)):
        if piece and len(quote(piece + part)) > LONGEST_ENCODED:
            yield piece.strip()
            piece = ""
        piece += part
    if piece.strip():
        yield piece.strip()


def _speak(element: VoiceResponse | GatherElement, verb: Say | Play | Pause, default_language: str) -> None:
    match verb:
        case Say():
            pieces = list(spoken_pieces(verb.text))
            options = {"voice": verb.voice or None, "language": spoken_language(verb.language or default_language)}
            if len(pieces) == 1:
                element.say(pieces[0], loop=verb.repeat if verb.repeat > 1 else None, **options)
                return
            fits = len(verb.text.encode()) * verb.repeat <= _REPEATED_BYTES
            for piece in pieces * (verb.repeat if fits else 1):
                element.say(piece, **options)
        case Play():
            element.play(verb.url, loop=verb.repeat if verb.repeat > 1 else None)
        case Pause():
            element.pause(length=verb.seconds)
        case _:
            assert_never(verb)


def _gather(response: VoiceResponse, verb: Gather, action: str, default_language: str) -> None:
    kinds = [kind for kind, wanted in (("dtmf", verb.keys), ("speech", verb.speech)) if wanted]
    gather = response.gather(
        input=" ".join(kinds) or "dtmf",
        action=action,
        method="POST",
        timeout=verb.timeout_seconds,
        speech_timeout="auto" if verb.speech else None,
        finish_on_key=verb.finish_key,
        num_digits=verb.maximum_digits or None,
        language=spoken_language(verb.language or default_language) if verb.speech else None,
        hints=", ".join(verb.hints) if verb.speech and verb.hints else None,
        action_on_empty_result=True,
    )
    for prompt in verb.prompts:
        _speak(gather, prompt, default_language)
    response.redirect(f"{action}&empty=1", method="POST")


def _record(response: VoiceResponse, verb: Record, action: str, status: str) -> None:
    """Nothing is asked after an empty recording, so the document goes on by itself then. The status callback is for a
    caller who hangs up meanwhile. https://www.twilio.com/docs/voice/twiml/record"""
    response.record(
        action=action,
        method="POST",
        timeout=verb.silence_seconds,
        finish_on_key=verb.finish_key,
        max_length=verb.maximum_seconds,
        play_beep=verb.beep,
        recording_status_callback=status,
        recording_status_callback_method="POST",
        recording_status_callback_event="completed absent",
    )
    response.redirect(f"{action}&empty=1", method="POST")


def _whisper_address(connection: ConnectionInfo, verb: Dial, default_language: str) -> str:
    """The words stand in the address itself, which the carrier signs: nothing needs to be looked up to say them."""
    if verb.whisper is None:
        return ""
    said = {
        "text": _NOT_XML.sub(" ", verb.whisper.text),
        "language": verb.whisper.language or default_language,
        "voice": verb.whisper.voice,
    }
    query = urlencode({name: value for name, value in said.items() if value})
    return f"{connection.hook('calls/whisper')}?{query}"


def _dial(response: VoiceResponse, verb: Dial, whisper_address: str = "", **options: Any) -> None:
    dial = response.dial(
        timeout=verb.ring_seconds,
        time_limit=verb.limit_seconds,
        caller_id=verb.caller_id or None,
        answer_on_bridge=True,
        **options,
    )
    asks = {"url": whisper_address, "method": "POST"} if whisper_address else {}
    for phone in (Phone(verb.number, verb.sip), *verb.also):
        if phone.sip:
            dial.sip(sip_address(phone.sip, verb.headers), **asks)
        else:
            dial.number(phone.number, **asks)


def _document(response: VoiceResponse) -> Document:
    return Document(_NOT_XML.sub("", response.to_xml()))  # the SDK writes what no XML reader accepts
