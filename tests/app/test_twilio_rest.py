"""Sending through Twilio's REST door: what is posted, what each answer means, and how a lost answer is found again."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from app.channels.contract import OutgoingMessage, SendFailed, SendPolicy, Sent
from app.channels.registry import channel_of
from app.outgoing import NotConnected, OutgoingAnswer, OutgoingError, OutgoingRequest, TimedOut
from flows.effect import Choice, SendMessage
from flows.event import Attachment
from tests.twilio_house import ACCOUNT, OURS, SECRET, THEIRS, connection

TWILIO = channel_of("twilio")
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OUTGOING = OutgoingMessage(key="17/1/0", effect_id=42, sender=OURS, to=THEIRS, message=SendMessage("cześć 🙂"))


class Provider:
    """Answers what was prepared, in order, and remembers what was asked."""

    def __init__(self, *answers: OutgoingAnswer | OutgoingError) -> None:
        self.answers, self.asked = list(answers), list[OutgoingRequest]()

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """The next answer."""
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, OutgoingError):
            raise answer
        return answer


def answer(status: int, body: Any = None, **headers: str) -> OutgoingAnswer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OutgoingAnswer(status, headers, content, 0.1, "https://api.twilio.com/")


def posted(outgoing: OutgoingMessage, **settings: Any) -> tuple[OutgoingRequest, list[tuple[str, str]]]:
    provider = Provider(answer(201, {"sid": "SM9"}))
    assert TWILIO.send(connection(**settings), outgoing, provider) == Sent("SM9")
    (request,) = provider.asked
    return request, parse_qsl((request.body or b"").decode(), keep_blank_values=True)


def test_a_message_is_posted_with_its_callback_and_its_key() -> None:
    request, form = posted(OUTGOING)
    assert (request.method, request.url) == (
        "POST",
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
    )
    assert request.headers["Idempotency-Key"] == "17/1/0"
    assert (
        base64.b64decode(request.secret_headers["Authorization"].removeprefix("Basic ")).decode()
        == f"{ACCOUNT}:{SECRET}"
    )
    assert (request.timeout_seconds, request.follow_redirects) == (20.0, False)
    assert form == [
        ("To", THEIRS),
        ("From", OURS),
        ("StatusCallback", "https://patchbay.example/hooks/main/messages/status?effect=42"),
        ("Body", "cześć 🙂"),
    ]


def test_no_secret_stands_where_a_log_could_show_it() -> None:
    request, _ = posted(OUTGOING)
    assert SECRET not in repr(request) + repr(connection()) + request.url


def test_whatsapp_goes_from_and_to_whatsapp() -> None:
    _, form = posted(replace(OUTGOING, sender=f"whatsapp:{OURS}"))
    assert form[:2] == [("To", f"whatsapp:{THEIRS}"), ("From", f"whatsapp:{OURS}")]


def test_media_choices_and_templates_have_their_fields() -> None:
    media = (
        Attachment("image/png", url="https://patchbay.example/files/1/s"),
        Attachment("image/png", name="no address"),
    )
    choices = (Choice("yes", "Yes"), Choice("no", "No"))
    _, form = posted(replace(OUTGOING, message=SendMessage("Sure?", media=media, choices=choices)))
    assert form[3:] == [("Body", "Sure?\n\n1. Yes\n2. No"), ("MediaUrl", "https://patchbay.example/files/1/s")]
    template = SendMessage("shown to people", template="HX1", template_variables={"2": "b", "1": "ż"})
    _, form = posted(replace(OUTGOING, message=template))
    assert form[3:] == [("ContentSid", "HX1"), ("ContentVariables", '{"1": "ż", "2": "b"}')]


def test_the_rest_address_is_a_setting() -> None:
    request, _ = posted(OUTGOING, api_base="http://127.0.0.1:4013/")
    assert request.url.startswith("http://127.0.0.1:4013/2010-04-01/")


REFUSALS = [
    (400, 21610, "opted_out"),
    (400, 21211, "invalid_recipient"),
    (400, 21614, "invalid_recipient"),
    (403, 21408, "invalid_recipient"),
    (400, 63016, "outside_24h_window"),
    (400, 11751, "media_too_large"),
    (400, 21606, "provider_code"),
    (404, 20404, "provider_code"),
]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS)
def test_a_refusal_is_final_and_says_why(status: int, code: int, kind: str) -> None:
    with pytest.raises(SendFailed, match=str(code)) as failed:
        TWILIO.send(connection(), OUTGOING, Provider(answer(status, {"code": code, "message": "No <b>way</b>"})))
    assert (failed.value.kind, failed.value.final) == (kind, True)
    assert f"https://www.twilio.com/docs/api/errors/{code}" in str(failed.value)


LATER = [
    (answer(429, {"code": 20429, "message": "slow"}, **{"retry-after": "7"}), 7.0),
    (answer(429, b"<html>", **{"retry-after": "soon"}), 1.0),
    (answer(400, {"code": 21611, "message": "queue"}), 60.0),
    (answer(401, {"code": 20003, "message": "Authenticate"}), 60.0),
]


@pytest.mark.parametrize(("said", "seconds"), LATER)
def test_what_may_go_later_holds_the_whole_number(said: OutgoingAnswer, seconds: float) -> None:
    with pytest.raises(SendFailed) as failed:
        TWILIO.send(connection(), OUTGOING, Provider(said))
    assert (failed.value.final, failed.value.whole_number, failed.value.retry_after_seconds) == (False, True, seconds)


@pytest.mark.parametrize(
    "said",
    [
        answer(500, {"code": 20500, "message": "oops"}),
        answer(503, b"<html>"),
        answer(408, b""),
        answer(302, b"", location="https://elsewhere.example/"),
        answer(201, b"<html>"),
        answer(200, {"no": "sid"}),
        answer(200, [1]),
    ],
)
def test_an_answer_that_does_not_tell_leaves_the_outcome_open(said: OutgoingAnswer) -> None:
    with pytest.raises(OutgoingError) as lost:
        TWILIO.send(connection(), OUTGOING, Provider(said))
    assert lost.value.may_have_arrived


@pytest.mark.parametrize("error", [NotConnected("no"), TimedOut("slow", may_have_arrived=True)])
def test_the_client_s_own_errors_pass_through(error: OutgoingError) -> None:
    with pytest.raises(type(error)) as raised:
        TWILIO.send(connection(), OUTGOING, Provider(error))
    assert raised.value is error


@pytest.mark.parametrize("missing", ["account_sid", "auth_token"])
def test_a_connection_without_secrets_waits_for_them(missing: str) -> None:
    bare = replace(
        connection(), secrets={name: value for name, value in connection().secrets.items() if name != missing}
    )
    with pytest.raises(SendFailed, match="enter both") as failed:
        TWILIO.send(bare, OUTGOING, Provider())
    assert not failed.value.final


def listed(sid: str, body: str | None = "cześć 🙂", seconds: float = 1, **fields: Any) -> dict[str, Any]:
    created = format_datetime(AT + timedelta(seconds=seconds))
    return {"sid": sid, "body": body, "direction": "outbound-api", "date_created": created} | fields


LOOKUPS: list[tuple[str, list[dict[str, Any]], Sent | None]] = [
    ("nothing", [], None),
    ("ours", [listed("SM1")], Sent("SM1")),
    ("owned by another effect", [listed("SM0")], None),
    ("the older of two", [listed("SM2", seconds=9), listed("SM1", seconds=1)], Sent("SM1")),
    ("blanks trimmed on the way", [listed("SM1", " cześć\r\n🙂 ")], Sent("SM1")),
    ("another text", [listed("SM1", "cześć")], None),
    ("no text", [listed("SM1", None)], None),
    ("an incoming one with the same text", [listed("SM1", direction="inbound")], None),
    ("long ago", [listed("SM1", seconds=-301)], None),
    ("a little early by the provider's clock", [listed("SM1", seconds=-299)], Sent("SM1")),
    ("from a trial account", [listed("SM1", "Sent from your Twilio trial account - cześć 🙂")], Sent("SM1")),
    ("without a readable date", [listed("SM1", date_created=None)], Sent("SM1")),
    ("without an id", [listed("SM1") | {"sid": None}], None),
]


@pytest.mark.parametrize(("entries", "found"), [row[1:] for row in LOOKUPS], ids=[row[0] for row in LOOKUPS])
def test_a_message_whose_answer_was_lost_is_found_in_the_list(
    entries: list[dict[str, Any]], found: Sent | None
) -> None:
    provider = Provider(answer(200, {"messages": entries, "next_page_uri": None}))
    assert TWILIO.look_up(connection(), OUTGOING, AT, frozenset({"SM0"}), provider) == found
    query = parse_qs(urlsplit(provider.asked[0].url).query)
    assert (query["To"], query["From"]) == ([THEIRS], [OURS])


def test_a_template_is_found_by_its_time() -> None:
    outgoing = replace(OUTGOING, message=SendMessage("", template="HX1"))
    for seconds, found in ((2, Sent("SM1")), (2_000, None)):
        provider = Provider(answer(200, {"messages": [listed("SM1", "Dear Ala", seconds)]}))
        assert TWILIO.look_up(connection(), outgoing, AT, frozenset(), provider) == found


def test_the_look_up_turns_pages_until_it_is_old_enough() -> None:
    full = [listed(f"X{number}", "other", 100) for number in range(3)]
    pages = [
        answer(200, {"messages": full, "next_page_uri": "/2010-04-01/x.json?Page=1&PageToken=a"}),
        answer(200, {"messages": [listed("SM1"), listed("SM8", seconds=-900)], "next_page_uri": "/x.json?Page=2"}),
    ]
    provider = Provider(*pages)
    assert TWILIO.look_up(connection(), OUTGOING, AT, frozenset(), provider) == Sent("SM1")
    assert [urlsplit(request.url).query for request in provider.asked][1] == "Page=1&PageToken=a"
    assert {urlsplit(request.url).netloc for request in provider.asked} == {"api.twilio.com"}


@pytest.mark.parametrize("said", [answer(500, b""), answer(200, b"<html>"), answer(200, {"messages": None})])
def test_a_list_that_cannot_be_read_is_not_an_empty_one(said: OutgoingAnswer) -> None:
    with pytest.raises(OutgoingError):
        TWILIO.look_up(connection(), OUTGOING, AT, frozenset(), Provider(said))


ADDRESSES = {
    "SmsUrl": "https://x.example/m",
    "StatusCallback": "https://x.example/s",
    "VoiceFallbackUrl": "https://x.example/f",
}
FOUND = answer(200, {"incoming_phone_numbers": [{"sid": "PN1"}]})
KEPT = {
    "sms_url": "https://x.example/m",
    "status_callback": "https://x.example/s",
    "voice_fallback_url": "https://x.example/f",
}


def test_addresses_are_entered_with_their_methods_and_read_back() -> None:
    provider = Provider(FOUND, answer(200, {"sid": "PN1"}), answer(200, KEPT))
    TWILIO.set_webhooks(connection(), OURS, ADDRESSES, provider)
    assert [request.method for request in provider.asked] == ["GET", "POST", "GET"]
    assert parse_qsl((provider.asked[1].body or b"").decode()) == [
        ("SmsUrl", "https://x.example/m"),
        ("SmsMethod", "POST"),
        ("StatusCallback", "https://x.example/s"),
        ("StatusCallbackMethod", "POST"),
        ("VoiceFallbackUrl", "https://x.example/f"),
        ("VoiceFallbackMethod", "POST"),
    ]


def test_an_address_that_was_not_kept_is_named() -> None:
    provider = Provider(FOUND, answer(200, {"sid": "PN1"}), answer(200, KEPT | {"sms_url": "https://else.example"}))
    with pytest.raises(SendFailed, match=r"did not keep SmsUrl of \+48221234567"):
        TWILIO.set_webhooks(connection(), OURS, ADDRESSES, provider)


def test_keys_are_trusted_only_where_the_connection_says_so() -> None:
    assert TWILIO.policy_of(connection()) == SendPolicy(looks_up=True)
    assert TWILIO.policy_of(connection(has_keys=True)) == SendPolicy(key_lifetime_seconds=86_400, looks_up=True)


def test_a_simulated_message_goes_nowhere_and_has_the_same_id_each_time() -> None:
    simulated, provider = channel_of("simulated"), Provider()
    first = simulated.send(connection("simulated"), OUTGOING, provider)
    assert first == simulated.send(connection("simulated"), replace(OUTGOING, attempt=2), provider)
    assert first != simulated.send(connection("simulated"), replace(OUTGOING, key="17/2/0"), provider)
    assert provider.asked == []
