"""Twilio's signature: the SDK's own validator agrees, and nothing that was changed passes."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from app.channels.contract import Unsigned, Webhook
from app.channels.twilio_signature import require_signature, sign

URL = "https://patchbay.example/hooks/main/calls/turn?turn=3&after=gather"
KEY = "s"
FORM = [("CallSid", "CA1"), ("Digits", "12"), ("From", "+48600100200"), ("Said", "zażółć 🙂")]


def signed(
    url: str = URL, form: list[tuple[str, str]] = FORM, secret: str = KEY, algorithm: str = "HMAC_SHA1"
) -> Webhook:
    headers = {"x-twilio-signature": sign(secret, url, form, algorithm)}
    if algorithm != "HMAC_SHA1":
        headers["x-twilio-webhooks-signature-settings"] = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    return at(url, form, headers)


def at(url: str, form: list[tuple[str, str]], headers: dict[str, str]) -> Webhook:
    return Webhook("calls/turn", url, parse_qsl(urlsplit(url).query), form, headers, b"")


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
def test_what_the_provider_signed_passes(algorithm: str) -> None:
    webhook = signed(algorithm=algorithm)
    require_signature("s", webhook)
    signature = webhook.headers["x-twilio-signature"]
    assert RequestValidator("s").validate(URL, dict(FORM), signature, algorithm)


def test_the_published_example_has_its_published_signature() -> None:
    # https://www.twilio.com/docs/usage/security#validating-requests
    form = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+12349013030"),
        ("Digits", "1234"),
        ("From", "+12349013030"),
        ("To", "+18005551212"),
    ]
    assert sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


@pytest.mark.parametrize(
    ("given", "signed_as"),
    [
        ("https://patchbay.example/x", "https://patchbay.example:443/x"),
        ("https://patchbay.example:8443/x", "https://patchbay.example/x"),
    ],
)
def test_the_port_may_be_signed_or_left_out(given: str, signed_as: str) -> None:
    require_signature("s", at(given, FORM, {"x-twilio-signature": sign("s", signed_as, FORM)}))


def test_repeated_fields_count_all() -> None:
    form = [*FORM, ("To", "a"), ("To", "b")]
    require_signature("s", signed(form=form))
    with pytest.raises(Unsigned):
        require_signature("s", at(URL, [*FORM, ("To", "a"), ("To", "c")], dict(signed(form=form).headers)))


REFUSED = {
    "no signature": at(URL, FORM, {}),
    "an empty signature": at(URL, FORM, {"x-twilio-signature": ""}),
    "no base64": at(URL, FORM, {"x-twilio-signature": "ż"}),
    "another secret": signed(secret="t"),
    "a changed field": at(URL, [*FORM[:1], ("Digits", "13"), *FORM[2:]], dict(signed().headers)),
    "one field more": at(URL, [*FORM, ("Extra", "")], dict(signed().headers)),
    "one field less": at(URL, FORM[1:], dict(signed().headers)),
    "a field given twice": at(URL, [*FORM, ("Digits", "99")], dict(signed().headers)),
    "http for https": at(URL.replace("https:", "http:"), FORM, dict(signed().headers)),
    "another host": at(URL.replace("patchbay", "evil"), FORM, dict(signed().headers)),
    "another path": at(URL.replace("/turn?", "/other?"), FORM, dict(signed().headers)),
    "another turn": at(URL.replace("turn=3", "turn=4"), FORM, dict(signed().headers)),
    "another order in the query": at(
        "https://patchbay.example/hooks/main/calls/turn?after=gather&turn=3", FORM, dict(signed().headers)
    ),
    "an unknown algorithm": at(
        URL,
        FORM,
        {**signed().headers, "x-twilio-webhooks-signature-settings": "key=k,algorithm=NONE"},
    ),
}


@pytest.mark.parametrize("webhook", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused(webhook: Webhook) -> None:
    with pytest.raises(Unsigned, match=r"[A-Z].*[.]|: "):
        require_signature("s", webhook)


def test_without_a_secret_nothing_is_believed() -> None:
    with pytest.raises(Unsigned, match="enter its secret"):
        require_signature("", signed(secret=""))
