"""Credentials: only for their origins, only in headers, and never seen again."""

import base64
import html
import json
import traceback
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

import pytest

from app.credentials import (
    Credential,
    CredentialRefused,
    apply,
    open_credential,
    problems,
    read_credential,
    seal_credential,
    secrets_of,
)
from app.scrubbing import HIDDEN, scrub
from app.sealing import SealBroken, SecretKey

CANARY = "canary+7f/3a=9c &é\"'"
ORIGINS = ("https://crm.example.com", "http://127.0.0.1:8085")
BEARER = Credential("crm", "bearer", ORIGINS, {"token": CANARY})
BASIC = Credential("crm", "basic", ORIGINS, {"user": "patchbay", "password": CANARY})
HEADER = Credential("crm", "header", ORIGINS, {"name": "X-Api-Key", "value": CANARY})


@pytest.mark.parametrize(
    ("credential", "headers"),
    [
        (BEARER, {"Authorization": f"Bearer {CANARY}"}),
        (BASIC, {"Authorization": "Basic " + base64.b64encode(f"patchbay:{CANARY}".encode()).decode()}),
        (HEADER, {"X-Api-Key": CANARY}),
    ],
)
def test_each_kind_becomes_one_header(credential: Credential, headers: Mapping[str, str]) -> None:
    for url in (
        "https://crm.example.com/a?b",
        "https://CRM.example.com:443",
        "http://127.0.0.1:8085/x",
        "https://crm.example.com./",
    ):
        assert apply(credential, url) == headers


ELSEWHERE = [
    "http://crm.example.com/",
    "https://crm.example.com:8443/",
    "https://crm.example.com.evil.example/",
    "https://evil.example/crm.example.com",
    "https://crm.example.com@evil.example/",
    "https://sub.crm.example.com/",
    "https://crm.example.co/",
    "http://127.0.0.1:8086/",
    "//crm.example.com/",
    "https://crm.example.com\\.evil.example/",
    "https://crm.example.com%2eevil.example/",
    "ftp://crm.example.com/",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_credential_goes_to_its_own_origins_only(url: str) -> None:
    with pytest.raises(CredentialRefused, match="crm") as caught:
        apply(BEARER, url)
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + repr(BEARER) + repr(caught.value)


WRONG: list[tuple[str, str, list[str], dict[str, str], str]] = [
    ("", "bearer", ["https://a.example"], {"token": "x"}, "Give the credential a name"),
    ("crm", "bearer", [], {"token": "x"}, "at least one origin"),
    ("crm", "bearer", ["https://a.example/path"], {"token": "x"}, "Origin 1: An origin is only scheme, host and port"),
    ("crm", "bearer", ["https://a.example", "https://*.example"], {"token": "x"}, "Origin 2: The host in the address"),
    ("crm", "bearer", ["https://a.example?x"], {"token": "x"}, "Origin 1"),
    ("crm", "bearer", ["https://u:p@a.example"], {"token": "x"}, "Origin 1"),
    ("crm", "bearer", ["a.example"], {"token": "x"}, "must begin with http"),
    ("crm", "query", ["https://a.example"], {"name": "key", "value": "x"}, "kind must be one of bearer, basic, header"),
    ("crm", "bearer", ["https://a.example"], {"token": "x", "more": "x"}, "exactly these fields: token"),
    ("crm", "basic", ["https://a.example"], {"user": "x"}, "exactly these fields: user, password"),
    ("crm", "basic", ["https://a.example"], {"user": "a:b", "password": "x"}, "may not hold a colon"),
    ("crm", "bearer", ["https://a.example"], {"token": ""}, "field token is empty"),
    ("crm", "bearer", ["https://a.example"], {"token": "x" * 9_000}, "longer than 8192"),
    ("crm", "bearer", ["https://a.example"], {"token": f"{CANARY}\r\nX: 1"}, "a header cannot carry"),
    ("crm", "bearer", ["https://a.example"], {"token": "abc "}, "a header cannot carry"),
    ("crm", "header", ["https://a.example"], {"name": "X Key", "value": "x"}, "only letters, digits and -"),
    ("crm", "header", ["https://a.example"], {"name": "Host", "value": "x"}, "belongs to the transport"),
    ("crm", "header", ["https://a.example"], {"name": "Proxy-Authorization", "value": "x"}, "belongs to the transport"),
    ("crm", "header", ["https://a.example"], {"name": "cookie", "value": "x"}, "belongs to the transport"),
]


@pytest.mark.parametrize(("name", "kind", "origins", "secret", "sentence"), WRONG)
def test_wrong_settings_are_told_in_sentences(
    name: str, kind: str, origins: list[str], secret: dict[str, str], sentence: str
) -> None:
    found = problems(name, kind, origins, secret)
    assert [sentence in told for told in found] == [True]
    assert all(told.endswith(".") and CANARY not in told for told in found)
    with pytest.raises(CredentialRefused, match=sentence.replace("*", r"\*")):
        read_credential(name, kind, origins, secret)


def test_origins_are_stored_in_one_spelling() -> None:
    read = read_credential(
        "crm", "bearer", ["https://CRM.Example.com:443/", "https://crm.example.com", "http://ż.example"], {"token": "x"}
    )
    assert read.origins == ("http://xn--hha.example", "https://crm.example.com")


def test_a_stored_secret_opens_only_as_it_was_saved() -> None:
    key = SecretKey(bytes(32))
    sealed = seal_credential(key, BEARER)
    assert open_credential(key, "crm", "bearer", ORIGINS[::-1], sealed).secret == BEARER.secret
    assert CANARY.encode() not in sealed
    for name, kind, origins in [
        ("other", "bearer", ORIGINS),
        ("crm", "header", ORIGINS),
        ("crm", "bearer", ("https://evil.example",)),
        ("crm", "bearer", (*ORIGINS, "https://evil.example")),
    ]:
        with pytest.raises(SealBroken):
            open_credential(key, name, kind, origins, sealed)


SPELLINGS: list[Callable[[str], str]] = [
    str,
    lambda secret: quote(secret, safe=""),
    quote,
    quote_plus,
    lambda secret: quote(secret, safe="").lower().replace("canary", "canary"),
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    repr,
    html.escape,
    lambda secret: secret.encode().hex(),
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_secret_is_hidden(spelling: Callable[[str], str]) -> None:
    text = f"before {spelling(CANARY)} after"
    hidden = scrub(text, [CANARY])
    assert HIDDEN in hidden
    for part in ("7f", "3a", "9c", spelling(CANARY)):
        assert part not in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_secret_inside_something_in_base64_is_hidden(before: str, after: str) -> None:
    secret = "canary-7f3a9c-canary"
    encoded = base64.b64encode((before + secret + after).encode()).decode()
    hidden = scrub(f"Basic {encoded}", [secret])
    assert HIDDEN in hidden
    assert len(hidden) <= len("Basic ") + len(HIDDEN) + 16


def test_what_basic_sends_is_hidden_and_innocent_text_stays() -> None:
    sent = apply(BASIC, "https://crm.example.com/")["Authorization"]
    assert scrub(sent, secrets_of(BASIC)) == f"Basic {HIDDEN}"
    assert secrets_of(HEADER) == (CANARY,)
    assert scrub("patchbay sends X-Api-Key", (*secrets_of(HEADER), *secrets_of(BASIC))) == "patchbay sends X-Api-Key"
    assert scrub("nothing to hide", []) == scrub("nothing to hide", [""]) == "nothing to hide"


def test_the_longer_of_two_secrets_goes_as_a_whole() -> None:
    assert scrub("abc abcdef", ["abc", "abcdef"]) == f"{HIDDEN} {HIDDEN}"


MAIL = {"host": "mail.example.com", "port": "587", "mode": "starttls", "user": "desk"}
MAIL |= {"secret": "p\u0105ss word", "sender": "Acme <desk@example.com>"}
CHAT = {"url": "https://chat.example.com/hooks/abc"}


def test_a_mail_account_and_a_chat_name_themselves_where_they_go() -> None:
    assert read_credential("mail", "smtp", (), MAIL).secret == MAIL
    assert read_credential("chat", "chat_webhook", (), CHAT).secret == CHAT
    without = {name: value for name, value in MAIL.items() if name not in {"user", "secret"}}
    assert read_credential("mail", "smtp", (), without).secret == without
    assert secrets_of(Credential("mail", "smtp", (), MAIL)) == (MAIL["secret"],)


@pytest.mark.parametrize(
    ("kind", "origins", "changes", "sentence"),
    [
        ("smtp", ORIGINS, {}, "has no origins"),
        ("smtp", (), {"host": "mail example"}, "The host must be the name of a server"),
        ("smtp", (), {"host": "mail.example.com:25"}, "The host must be the name of a server"),
        ("smtp", (), {"host": "a@mail.example.com"}, "The host must be the name of a server"),
        ("smtp", (), {"port": "0"}, "The port must be a number"),
        ("smtp", (), {"port": "x"}, "The port must be a number"),
        ("smtp", (), {"mode": "ssl"}, "The mode must be one of tls, starttls, none"),
        ("smtp", (), {"sender": "desk"}, "The sender must be an e-mail address"),
        ("smtp", (), {"sender": "Acme\nBcc: x@example.com <desk@example.com>"}, "The sender must be an e-mail address"),
        ("smtp", (), {"user": ""}, "User and secret belong together"),
        ("smtp", (), {"secret": "a\nb"}, "may hold no line breaks"),
        ("smtp", (), {"extra": "x"}, "has exactly these fields"),
        ("chat_webhook", (), {"url": "http://chat.example.com/x"}, "must begin with https://"),
        ("chat_webhook", (), {"url": "nonsense"}, "must begin with http"),
    ],
)
def test_where_a_secret_cannot_go_is_told_in_sentences(
    kind: str, origins: tuple[str, ...], changes: Mapping[str, str], sentence: str
) -> None:
    secret = {**(MAIL if kind == "smtp" else CHAT), **changes}
    assert sentence in " ".join(problems("mail", kind, origins, secret))


@pytest.mark.parametrize("credential", [Credential("m", "smtp", (), MAIL), Credential("m", "chat_webhook", (), CHAT)])
def test_what_is_no_header_is_sent_to_nobody_by_http(credential: Credential) -> None:
    with pytest.raises(CredentialRefused, match="choose another"):
        apply(credential, "https://chat.example.com/hooks/abc")
