"""The API's connections, numbers, queues, credentials, constants, files and tokens."""

import json
from typing import Any

from app.config import Settings
from app.credentials import open_credential
from app.directory import open_connection
from app.models import Connection, CredentialRow
from tests.app.api_client import Api, api

CANARY = "canary-7f3a91c2"
TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": CANARY}


def test_a_connections_secrets_go_in_and_never_come_out(settings: Settings) -> None:
    with api(settings) as client:
        made = client.post("/connections", 201, name="acme", kind="twilio", secrets=TWILIO, settings={"country": "PL"})
        assert made["secrets"] == {"account_sid": True, "auth_token": True}
        assert made["webhooks"]["SmsUrl"].endswith("/hooks/acme/messages")
        for path in ("/connections", "/connections/acme"):
            assert CANARY not in json.dumps(client.get(path))
        with client.installation.house.database.reading() as session:
            row = session.query(Connection).filter_by(name="acme").one()
            assert CANARY.encode() not in (row.sealed or b"")
            assert open_connection(row, client.installation.house.key, "").secrets == TWILIO
        changed = client.patch("/connections/acme", secrets={"auth_token": ""}, enabled=False)
        assert (changed["secrets"]["auth_token"], changed["secrets"]["account_sid"]) == (False, True)
        assert changed["enabled"] is False
        acts = client.installation.rows("SELECT did, what FROM audit WHERE who = 'tests' ORDER BY id DESC")
        assert acts[0] == ("change_connection", "acme: enabled, secrets")
        assert CANARY not in str(acts)
        for query, found in [("", 1), ("&since=2100-01-01T00:00:00Z", 0), ("&until=2020-01-01T00:00:00Z", 0)]:
            assert len(client.get(f"/audit?did=change_connection{query}")["items"]) == found, query


def test_a_stored_password_of_a_mailbox_cannot_be_sent_to_another_server(settings: Settings) -> None:
    place = {"imap_host": "imap.example.com", "smtp_host": "smtp.example.com", "user": "desk"}
    with api(settings) as client:
        client.post("/connections", 201, name="post", kind="mailbox", settings=place, secrets={"password": CANARY})
        for changes in ({"imap_host": "evil.example.com"}, {"smtp_port": 25}, {"smtp_mode": "none"}):
            refused = client.patch("/connections/post", 422, settings={**place, **changes})
            assert refused["code"] == "secrets_needed"
        client.patch("/connections/post", settings={**place, "folder": "Support"})
        number = client.post("/numbers", 201, name="support", connection="post", value="Support@Example.com")
        assert number["value"] == "support@example.com"
        wrong = client.post("/numbers", 422, name="other", connection="post", value="nobody")
        assert "is no e-mail address" in wrong["error"]


def test_stored_secrets_cannot_be_sent_to_another_address(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/connections", 201, name="acme", kind="twilio", secrets=TWILIO)
        refused = client.patch("/connections/acme", 422, settings={"api_base": "https://evil.example.com"})
        assert refused["code"] == "secrets_needed"
        client.patch("/connections/acme", settings={"api_base": "https://eu.example.com"}, secrets=TWILIO)
        client.patch("/connections/acme", settings={"api_base": "https://eu.example.com", "country": "PL"})
        assert client.patch("/connections/acme", 422, settings={})["code"] == "secrets_needed"


CONNECTIONS: list[tuple[dict[str, Any], int, str]] = [
    ({"name": "acme", "kind": "fax"}, 422, "No channel 'fax' is installed"),
    ({"name": "Acme", "kind": "twilio"}, 422, "small letters"),
    ({"name": "simulated", "kind": "twilio"}, 409, "already"),
    ({"name": "acme", "kind": "twilio", "secrets": {"password": "x"}}, 422, "has no secret “password”"),
    ({"name": "acme", "kind": "twilio", "settings": {"x": 1}}, 422, "“x” is not a setting of the settings."),
    ({"name": "acme", "kind": "twilio", "settings": {"country": "Poland"}}, 422, "Country"),
    ({"name": "acme", "kind": "twilio", "secrets": {"auth_token": 5}}, 422, "text"),
    ({"kind": "twilio"}, 422, "“name” is missing."),
    ({"name": "acme", "kind": "twilio", "secrets": {"auth_token": "a\nb"}}, 422, "auth_token holds a line break"),
    ({"name": "acme", "kind": "twilio", "settings": {"api_base": "https://a\r\nb"}}, 422, "API needs to be one line"),
    ({"name": "acme", "kind": "webhook", "settings": {"key": "a\x1bb"}}, 422, "Key needs to be one line"),
]
NUMBERS: list[tuple[dict[str, Any], int, str]] = [
    ({"name": "n", "connection": "nowhere", "value": "+48221234567"}, 404, "no connection “nowhere”"),
    ({"name": "n", "connection": "simulated", "value": "hello"}, 422, "no telephone number"),
    ({"name": "n", "connection": "simulated", "value": "+15005550006"}, 409, "support-line"),
    ({"name": "support-line", "connection": "simulated", "value": "+48221234567"}, 409, "already"),
    ({"name": "n", "connection": "simulated", "value": "+48221234567", "language": "Polish"}, 422, "language code"),
    ({"name": "n", "connection": "simulated", "value": "+48221234567", "burst": 0}, 422, "1 or more"),
    ({"name": "n", "connection": "simulated", "value": "+48221234567", "fallback_number": "x"}, 422, "fallback"),
    ({"name": "n", "connection": "web-chat", "value": "n", "settings": {"color": "red"}}, 422, "color"),
    ({"name": "n", "connection": "web-chat", "value": "n", "settings": {"allowed_origins": "x"}}, 422, "a list"),
    ({"name": "n", "connection": "web-chat", "value": "n\n"}, 422, "one line"),
    ({"name": "n", "connection": "web-chat", "value": "n", "settings": {"title": "a\tb"}}, 422, "Name needs to be one"),
    (
        {"name": "n", "connection": "web-chat", "value": "n", "settings": {"allowed_origins": ["a\nb"]}},
        422,
        "sites needs",
    ),
]
QUEUES: list[tuple[dict[str, Any], int, str]] = [
    ({"name": "gold", "title": "Gold"}, 409, "already"),
    ({"name": "vip", "title": ""}, 422, "filled in"),
    ({"name": "vip", "title": "V\r\nI"}, 422, "needs to be one line, without line breaks and tabs."),
    ({"name": "vip", "title": "VIP\n"}, 422, "one line"),
    ({"name": "vip", "title": "VIP", "maximum_length": -1}, 422, "0 or more"),
    ({"name": "vip", "title": "VIP", "waiting_text": {"en": 5}}, 422, "text"),
]


def test_what_cannot_be_made_is_refused_with_its_own_sentence(settings: Settings) -> None:
    with api(settings) as client:
        for path, rows in (("/connections", CONNECTIONS), ("/numbers", NUMBERS), ("/queues", QUEUES)):
            before = client.get(path)
            for body, status, says in rows:
                refused = client.post(path, status, **body)
                assert says in refused["error"], (path, body, refused)
            assert client.get(path) == before
        several_lines = {"greeting": {"en": "Hello!\nHow are you?"}}
        client.post("/numbers", 201, name="n", connection="web-chat", value="n", settings=several_lines)


def test_a_number_is_kept_as_e164_and_shows_the_flows_that_answer_it(settings: Settings) -> None:
    with api(settings) as client:
        made = client.post(
            "/numbers",
            201,
            name="warsaw",
            connection="simulated",
            value="22 123 45 67",
            country="PL",
            fallback_number="22 123 45 68",
            answers_calls=True,
            rate_per_second=2.5,
        )
        assert (made["value"], made["fallback_number"]) == ("+48221234567", "+48221234568")
        assert (made["answers_calls"], made["answers_messages"], made["rate_per_second"]) == (True, True, 2.5)
        assert client.patch("/numbers/warsaw", language="pl", answers_calls=False)["answers_calls"] is False
        assert client.get("/numbers/support-line")["flows"] == [{"flow": "VIP calls", "answers": "calls"}]
        chat = client.patch("/numbers/web-chat", settings={"allowed_origins": ["https://shop.example.com"]})
        assert chat["settings"] == {"allowed_origins": ["https://shop.example.com"]}
        assert [one["name"] for one in client.get("/numbers")["items"]] == ["support-line", "web-chat", "warsaw"]


def test_queues_are_made_changed_and_counted(settings: Settings) -> None:
    with api(settings) as client:
        made = client.post("/queues", 201, name="vip", title="VIP", waiting_text={"en": "Please wait."})
        assert (made["waiting"], made["maximum_length"], made["waiting_text"]) == (0, 0, {"en": "Please wait."})
        assert client.patch("/queues/vip", maximum_length=5)["maximum_length"] == 5
        assert client.get("/queues/vip")["title"] == "VIP"
        assert len(client.get("/queues")["items"]) == 5


def test_a_credential_is_sealed_bound_to_its_origins_and_never_read_back(settings: Settings) -> None:
    body: dict[str, Any] = {"kind": "bearer", "origins": ["https://CRM.example.com:443"], "secret": {"token": CANARY}}
    with api(settings) as client:
        assert client.put("/credentials/crm", **body)["origins"] == ["https://crm.example.com"]
        assert CANARY not in json.dumps(client.get("/credentials"))
        with client.installation.house.database.reading() as session:
            row = session.query(CredentialRow).filter_by(name="crm").one()
            opened = open_credential(
                client.installation.house.key, row.name, row.kind, json.loads(row.origins), row.sealed
            )
        assert opened.secret == {"token": CANARY}
        client.put("/credentials/crm", **{**body, "secret": {"token": "other"}})
        assert client.installation.rows("SELECT did FROM audit WHERE what LIKE 'crm%' ORDER BY id") == [
            ("create_credential",),
            ("change_credential",),
        ]
        client.delete("/credentials/crm")
        client.delete("/credentials/crm", 404)


def test_a_credential_that_cannot_be_used_is_refused(settings: Settings) -> None:
    good: dict[str, Any] = {"kind": "bearer", "origins": ["https://crm.example.com"], "secret": {"token": "t"}}
    with api(settings) as client:
        for change, says in (
            ({"kind": "password"}, "bearer"),
            ({"origins": []}, "at least one origin"),
            ({"origins": ["ftp://x"]}, "Origin 1"),
            ({"secret": {"user": "x"}}, "exactly these fields: token"),
            ({"secret": {"token": "a\nb"}}, "a header cannot carry"),
        ):
            refused = client.put("/credentials/crm", 422, **{**good, **change})
            assert says in refused["error"], refused
            assert "a\nb" not in refused["error"]
        client.put("/credentials/Bad%20Name", 422, **good)
        assert client.get("/credentials")["items"] == []


def test_a_constant_keeps_its_value_and_type(settings: Settings) -> None:
    values: list[Any] = ["+48221234567", 5, 2.5, True, None, ["a", 1], {"a": {"b": [False]}}, ""]
    with api(settings) as client:
        for value in values:
            assert client.put("/constants/support_phone", value=value)["value"] == value
        assert [one["name"] for one in client.get("/constants?limit=1")["items"]] == ["customer_api"]
        following = client.get("/constants?limit=1&after=customer_api")
        assert ([one["name"] for one in following["items"]], following["next"]) == (["support_phone"], None)
        assert client.put("/constants/support_phone", 422, value="x" * 70_000)["code"] == "too_large"
        client.put("/constants/Bad", 422, value=1)
        assert client.put("/constants/x", 422)["error"] == "“value” is missing."
        client.delete("/constants/support_phone")
        client.delete("/constants/support_phone", 404)


def test_a_file_is_stored_once_and_read_at_its_signed_address(settings: Settings) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"x" * 2_000_000
    with api(settings) as client:
        made = client.ask("POST", "/files", 201, {"Content-Type": "text/html"}, data=png)
        assert (made["media_type"], made["size_bytes"]) == ("image/png", len(png))
        assert client.ask("POST", "/files", 201, data=png)["id"] == made["id"]
        again = client.get(f"/files/{made['id']}")
        path = again["address"].removeprefix(client.installation.house.settings.effective_public_url)
        read = client.client.get(path)
        assert (read.status_code, read.data) == (200, png)
        assert client.client.get(path[:-2] + "xx").status_code == 404
        assert client.ask("POST", "/files", 422, data=b"")["code"] == "empty"
        too_large = client.ask("POST", "/files", 413, data=b"x" * (16 * 1024 * 1024 + 1))
        assert too_large["code"] == "too_large"
        client.get("/files/999", 404)


def test_tokens_are_listed_without_their_texts_and_revoked(settings: Settings) -> None:
    with api(settings) as client:
        (listed,) = client.get("/tokens")["items"]
        assert set(listed) == {"name", "scopes", "made_by", "created_at", "used_at", "revoked_at"}
        client.delete("/tokens/nobody", 404)
        assert client.delete("/tokens/tests")["revoked_at"] is not None
        client.ask("GET", "/tokens", 401)


def test_a_canary_secret_is_found_in_no_table(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/connections", 201, name="acme", kind="twilio", secrets=TWILIO)
        client.put("/credentials/crm", kind="bearer", origins=["https://a.example"], secret={"token": CANARY})
        _assert_nowhere(client)


def _assert_nowhere(client: Api) -> None:
    for table in ("connections", "credentials", "audit", "tokens", "installation", "problems"):
        for row in client.installation.rows(f"SELECT * FROM {table}"):  # noqa: S608  from the line above
            assert CANARY not in "".join(str(value) for value in row)
