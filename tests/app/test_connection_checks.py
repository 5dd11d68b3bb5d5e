"""The test of a connection names each thing that is wrong, in time, and never says a secret."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from app.channels.carrier_numbers import shown_address
from app.channels.checks import Check, OwnNumber, check_public_address
from app.channels.contract import ConnectionInfo
from app.channels.registry import channel_of
from app.connection_checks import InTime, checked
from app.outgoing import (
    BlockedAddress,
    ConnectionLost,
    Guarded,
    NameNotFound,
    OutgoingAnswer,
    OutgoingError,
    OutgoingRequest,
    TimedOut,
    TlsRefused,
)
from tests.app.imap_server import PASSWORD, USER, ImapServer, imap_server
from tests.app.smtp_server import SmtpServer, silent_server, smtp_server
from tests.twilio_house import ACCOUNT, OURS, PUBLIC_URL, SECRET, connection

Answer = tuple[int, Any] | OutgoingError
LIVE = f"{PUBLIC_URL}/live"
ROOT = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}"
NUMBERS, SERVICES = f"{ROOT}/IncomingPhoneNumbers.json", "https://messaging.twilio.com/v1/Services"
HOOKS = f"{PUBLIC_URL}/hooks/main"
NUMBER: Mapping[str, Any] = {
    "sid": "PN1",
    "phone_number": OURS,
    "capabilities": {"voice": True, "sms": True, "MMS": False},
    "sms_url": f"{HOOKS}/messages",
    "sms_fallback_url": f"{HOOKS}/messages",
    "voice_url": f"{HOOKS}/calls",
    "voice_fallback_url": f"{HOOKS}/calls/fallback",
    "status_callback": f"{HOOKS}/calls/status",
    "sms_method": "POST",
    "voice_method": "POST",
}
OWN = OwnNumber(OURS, answers_calls=True)


class World:
    """Answers by how an address begins, the longest beginning first; keeps what it was asked."""

    def __init__(self, changes: Mapping[str, Answer]) -> None:
        found: dict[str, Answer] = {LIVE: (200, {"live": True}), f"{ROOT}.json": (200, {"status": "active"})}
        found |= {NUMBERS: (200, {"incoming_phone_numbers": [NUMBER]}), SERVICES: (200, {"services": []})}
        self.answers: Mapping[str, Answer] = {**found, **changes}
        self.asked = list[OutgoingRequest]()

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """The answer, or what was prepared."""
        self.asked.append(request)
        begins = max((begin for begin in self.answers if request.url.startswith(begin)), key=len)
        said = self.answers[begins]
        if isinstance(said, OutgoingError):
            raise said
        return OutgoingAnswer(said[0], {}, json.dumps(said[1]).encode(), 0.1, request.url)


def look(info: ConnectionInfo, world: World, *numbers: OwnNumber) -> list[Check]:
    """The test of a connection in that world."""
    return checked(info, numbers, cast("Guarded", world))


def wrong(found: list[Check]) -> list[str]:
    """What is not good, each with its sentence, and every one of these says what to do."""
    bad = [one for one in found if one.state != "good"]
    assert all(one.mend.endswith(".") and one.sentence.endswith(".") for one in bad), bad
    return [f"{one.name} {one.state}: {one.sentence}" for one in bad]


def test_a_connection_that_works_has_nothing_wrong() -> None:
    world = World({})
    found = look(connection(), world, OWN)
    assert [one.name for one in found] == ["secrets", "public_address", "account", "number", "webhooks"]
    assert wrong(found) == []
    assert {request.method for request in world.asked} == {"GET"}


def number(**changes: Any) -> dict[str, Answer]:
    """The account's number, changed."""
    return {NUMBERS: (200, {"incoming_phone_numbers": [{**NUMBER, **changes}]})}


def service(**settings: Any) -> dict[str, Answer]:
    """A Messaging Service that has our number."""
    one = {"sid": "MG1", "friendly_name": "Offers", "inbound_request_url": None, **settings}
    members = {"phone_numbers": [{"phone_number": OURS}]}
    return {SERVICES: (200, {"services": [one]}), f"{SERVICES}/MG1/PhoneNumbers": (200, members)}


TWILIO: list[tuple[str, Mapping[str, Answer], list[str]]] = [
    ("refused", {f"{ROOT}.json": (401, {"code": 20003})}, ["credentials wrong: Twilio refuses the account SID or"]),
    ("forbidden", {f"{ROOT}.json": (403, {})}, ["credentials wrong: Twilio does not open this account"]),
    ("suspended", {f"{ROOT}.json": (200, {"status": "suspended"})}, ["account wrong: The account is suspended"]),
    ("closed", {f"{ROOT}.json": (200, {"status": "closed"})}, ["account wrong: The account is closed"]),
    ("not active", {f"{ROOT}.json": (401, {"code": 20005})}, ["account wrong: The account is not active"]),
    ("broken", {f"{ROOT}.json": (500, {})}, ["credentials unknown: Twilio answered with status 500."]),
    ("slow", {f"{ROOT}.json": TimedOut("It did not finish.")}, ["rest unknown: It did not finish. So the rest"]),
    ("trial", {f"{ROOT}.json": (200, {"status": "active", "type": "Trial"})}, []),
    ("missing", {NUMBERS: (200, {"incoming_phone_numbers": []})}, [f"number wrong: The account has no number {OURS}"]),
    ("another", number(phone_number="+48229999999"), [f"number wrong: The account has no number {OURS}"]),
    ("no voice", number(capabilities={"voice": False, "sms": True}), [f"number wrong: {OURS} takes no calls"]),
    ("elsewhere", number(sms_url="https://else.example"), [f"webhooks wrong: {OURS} does not call us by POST"]),
    ("by GET", number(voice_method="GET"), [f"webhooks wrong: {OURS} does not call us by POST"]),
    ("trunk", number(trunk_sid="TK1"), [f"webhooks wrong: Calls of {OURS} go to a SIP trunk"]),
    ("application", number(sms_application_sid="AP1"), [f"webhooks wrong: Messages of {OURS} go to a TwiML"]),
    ("unlisted", {NUMBERS: (503, {})}, ["rest unknown: Twilio does not tell about"]),
    ("service", service(), [f"messaging_service wrong: {OURS} belongs to the Messaging Service “Offers”"]),
    ("service that defers", service(use_inbound_webhook_on_number=True), []),
    ("service that calls us", service(inbound_request_url=f"{HOOKS}/messages"), []),
    ("services not shown", {SERVICES: (403, {})}, []),
]


@pytest.mark.parametrize(("changes", "told"), [row[1:] for row in TWILIO], ids=[row[0] for row in TWILIO])
def test_what_is_wrong_at_twilio_is_named(changes: Mapping[str, Answer], told: list[str]) -> None:
    found = wrong(look(connection(), World(changes), OWN))
    assert len(found) == len(told), found
    for sentence, begins in zip(found, told, strict=True):
        assert sentence.startswith(begins)


def test_only_what_a_number_answers_is_asked_of_it() -> None:
    changes = number(sms_url="https://else.example", capabilities={"voice": True, "sms": False})
    assert wrong(look(connection(), World(changes), replace(OWN, answers_messages=False))) == []


def test_where_whatsapp_leads_cannot_be_seen_and_is_told_so() -> None:
    (told,) = wrong(look(connection(), World({}), OwnNumber(f"whatsapp:{OURS}")))
    assert told.startswith("webhooks unknown: Where messages to whatsapp:")


def test_without_secrets_nobody_is_asked() -> None:
    world = World({})
    found = look(replace(connection(), secrets={"account_sid": ACCOUNT}), world, OWN)
    assert wrong(found) == ["secrets wrong: The secret auth_token is not entered."]
    assert [request.url for request in world.asked] == [LIVE]


def test_no_secret_is_told_and_none_goes_to_another_host() -> None:
    world = World(service(friendly_name=f"named {SECRET}") | number(sms_url=f"https://x.example/{SECRET}"))
    found = look(connection(), world, OWN)
    assert SECRET not in str(found)
    assert ACCOUNT not in str(found)
    for request in world.asked:
        assert bool(request.secret_headers) == ("twilio.com" in request.url)
    other = World({"https://other.example": (404, {})})
    look(connection(api_base="https://other.example"), other, OWN)
    assert not [request for request in other.asked if "twilio.com" in request.url]


PUBLIC: list[tuple[str, Answer, str]] = [
    ("https://phone.example", (200, {"live": True}), "good: phone.example answers."),
    ("http://phone.example", (200, {"live": True}), "wrong: phone.example is not encrypted"),
    ("https://phone.example", (200, {"hello": 1}), "wrong: Something else than this installation answers"),
    ("https://phone.example", BlockedAddress("no"), "wrong: phone.example lies in a private network"),
    ("https://phone.example", NameNotFound("phone.example has no address."), "wrong: phone.example has no address."),
    ("https://phone.example", TlsRefused("Its certificate is over."), "wrong: Its certificate is over."),
    (
        "https://phone.example",
        ConnectionLost("It broke off.", may_have_arrived=True, answer_began=False),
        "unknown: It broke off. Some routers",
    ),
    ("ftp://phone.example", (200, {}), "wrong: The address must begin with http:// or https://."),
]


@pytest.mark.parametrize(("address", "answer", "told"), PUBLIC)
def test_what_is_wrong_with_our_own_address_is_named(address: str, answer: Answer, told: str) -> None:
    found = check_public_address(address, World({address: answer}))
    assert f"{found.state}: {found.sentence}".startswith(told)


def info(kind: str, settings: Mapping[str, Any], **secrets: str) -> ConnectionInfo:
    """A connection without a database."""
    return ConnectionInfo(1, "it", kind, settings, secrets, PUBLIC_URL)


SITES = {"allowed_origins": ["https://shop.example.com", "shop.example.com/page"]}
OTHERS: list[tuple[ConnectionInfo, OwnNumber, list[str]]] = [
    (info("webhook", {"key": "data.id"}, secret="shared-secret"), OWN, []),
    (info("webhook", {"key": "data.id"}), OWN, ["secrets wrong: The secret secret is not entered."]),
    (
        info("webhook", {"key": "data[["}, secret="shared-secret"),
        OWN,
        ["settings wrong: “data[[” is no place in a JSON"],
    ),
    (info("web_chat", {}), OwnNumber("chat"), []),
    (info("web_chat", {}), OwnNumber("chat", settings=SITES), ["allowed_sites wrong: “shop.example.com/page” among"]),
    (
        info("web_form", {}),
        OwnNumber("form", settings=SITES),
        [
            "allowed_sites wrong: “shop",
            "sender wrong: The sender of answers",
            "outgoing_mail wrong: The connection “it”",
        ],
    ),
    (info("mailbox", {}), OwnNumber("us@example.com"), ["secrets wrong: The secret password is not entered."]),
    (info("simulated", {}, secret="shared-secret"), OWN, []),
]


@pytest.mark.parametrize(("info_", "number_", "told"), OTHERS)
def test_every_channel_names_what_it_lacks(info_: ConnectionInfo, number_: OwnNumber, told: list[str]) -> None:
    found = wrong(look(info_, World({}), number_))
    assert len(found) == len(told), found
    for sentence, begins in zip(found, told, strict=True):
        assert sentence.startswith(begins)


def mailbox(imap_port: int, smtp_port: int, password: str = PASSWORD, **settings: Any) -> ConnectionInfo:
    """A mailbox at these servers."""
    places = {"imap_host": "127.0.0.1", "imap_port": imap_port, "imap_mode": "none", "user": USER}
    places |= {"smtp_host": "127.0.0.1", "smtp_port": smtp_port, "smtp_mode": "none", **settings}
    return info("mailbox", places, password=password)


def at_mail_servers(info_: ConnectionInfo) -> list[Check]:
    """Its test, by the real client."""
    ports = {int(info_.settings["imap_port"]), int(info_.settings["smtp_port"])}
    return checked(info_, [], Guarded(frozenset(("127.0.0.1", port) for port in ports)))


@pytest.fixture(scope="module")
def servers() -> Any:
    with imap_server() as imap, smtp_server() as smtp:
        yield imap, smtp


def test_a_mailbox_is_looked_into_and_nothing_is_read_or_sent(servers: tuple[ImapServer, SmtpServer]) -> None:
    imap, smtp = servers
    imap.deliver(b"From: a@example.com\r\nSubject: hello\r\n\r\nhello\r\n")
    found = at_mail_servers(mailbox(imap.port, smtp.port, taken_folder="Taken"))
    assert [(one.name, one.state) for one in found] == [
        ("secrets", "good"),
        ("incoming_mail", "good"),
        ("outgoing_mail", "good"),
    ]
    assert imap.flags() == [""]
    assert smtp.mails == []


def test_what_keeps_a_mailbox_closed_is_named(servers: tuple[ImapServer, SmtpServer]) -> None:
    imap, smtp = servers
    refused = wrong(at_mail_servers(mailbox(imap.port, smtp.port, "wrong")))
    assert ["refuses the user name or the password" in one for one in refused] == [True, True]
    (folder,) = wrong(at_mail_servers(mailbox(imap.port, smtp.port, folder="Nowhere")))
    assert "has no folder “Nowhere”" in folder
    swapped = wrong(at_mail_servers(mailbox(smtp.port, imap.port)))
    assert [one.split(" ")[0] for one in swapped] == ["incoming_mail", "outgoing_mail"]


def test_a_mail_server_that_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.channels.mailbox.CHECK_SECONDS", 0.3)
    monkeypatch.setattr("app.channels.mail_settings.CHECK_SECONDS", 0.3)
    with silent_server() as port:
        told = wrong(at_mail_servers(mailbox(port, port)))
    assert ["did not answer within 0.3 seconds" in one for one in told] == [True, True]


def test_all_requests_of_a_test_end_in_time() -> None:
    world = World({})
    http = InTime(cast("Guarded", world), 0.2)
    http.send(OutgoingRequest("GET", LIVE, timeout_seconds=20))
    assert world.asked[0].timeout_seconds <= 0.2
    late = InTime(cast("Guarded", world), 0)
    with pytest.raises(TimedOut, match="was over"):
        late.send(OutgoingRequest("GET", LIVE))


def test_a_channel_that_breaks_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(type(channel_of("simulated")), "checks", broken)
    (found,) = look(info("simulated", {}), World({}))
    assert (found.name, found.state) == ("rest", "unknown")
    assert SECRET not in found.sentence


def test_the_addresses_of_a_number_are_shown_without_what_may_be_secret() -> None:
    rows = {
        "https://user:pass@x.example/hook?token=1": "https://x.example/hook?•••",
        "https://x.example/a": "https://x.example/a",
        "": "",
        "http://[": "•••",
    }
    assert {address: shown_address(address) for address in rows} == rows
