"""The API's look at carriers, against a Twilio that is not ours: its numbers, connecting them, and what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.channels.carrier_numbers import CarrierNumber, CarrierPage
from app.channels.twilio import Twilio
from app.config import Settings
from app.directory import Directory
from app.runner.carriers import Carriers
from tests.app.api_client import Api, api
from tests.app.processes import until
from tests.doubles.twilio import TwilioDouble, twilio_double
from tests.twilio_house import ACCOUNT, OURS, SECRET

SECRETS = {"account_sid": ACCOUNT, "auth_token": SECRET}


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwilioDouble]:
    with twilio_double(tmp_path_factory.mktemp("double"), "https://else.example/hooks") as found:
        yield found


@pytest.fixture
def alone(data_folder: Path) -> Settings:
    """An installation on SQLite: what looks at carriers looks at no database in a new way."""
    where = {"DATABASE_URL": f"sqlite:///{data_folder}/carriers.db", "PATCHBAY_DATA": str(data_folder)}
    return Settings.from_environment(where)


@contextmanager
def connected(settings: Settings, double: TwilioDouble, **secrets: str) -> Iterator[Api]:
    """The API with a connection to the double."""
    with api(replace(settings, allowed_private_hosts=frozenset({("127.0.0.1", double.port)}))) as client:
        place = {"api_base": double.url}
        client.post("/connections", 201, name="acme", kind="twilio", secrets={**SECRETS, **secrets}, settings=place)
        yield client


def act(client: Api, path: str, expect: int = 200) -> dict[str, Any]:
    """A request without a body."""
    return client.ask("POST", path, expect)


def add_line(client: Api, value: str = OURS, name: str = "line", **more: Any) -> dict[str, Any]:
    """Our number at that connection."""
    return client.post("/numbers", 201, name=name, connection="acme", value=value, answers_calls=True, **more)


def run_carriers(client: Api) -> None:
    """What the runner does beside its rounds, until nothing is on its way."""
    house = client.installation.house
    carriers = Carriers(house, Directory(house.key, house.settings.effective_public_url))

    def settled() -> bool:
        client.installation.move_clock(2)
        carriers._looked_at = 0.0
        carriers.look()
        found = client.installation.rows("SELECT state FROM effects WHERE kind = 'set_webhooks'")
        return all(state not in {"queued", "sending"} for (state,) in found)

    until(settled, "the carrier was told")
    carriers.close()


def test_the_numbers_of_the_account_are_listed_page_by_page(alone: Settings, double: TwilioDouble) -> None:
    with connected(alone, double) as client:
        add_line(client)
        first = client.get("/connections/acme/carrier-numbers?limit=1")
        (one,) = first["items"]
        assert (one["value"], one["number"]) == (OURS, "line")
        assert set(one["capabilities"]) >= {"calls", "messages"}
        assert one["webhooks"]["VoiceUrl"].endswith("/hooks/calls")
        second = client.get(f"/connections/acme/carrier-numbers?limit=1&after={first['next']}")
        assert (second["items"][0]["number"], second["next"]) == (None, None)
        whole = client.get("/connections/acme/carrier-numbers")
        assert whole["items"] == [one, *second["items"]]
        client.get("/connections/acme/carrier-numbers?after=../x", 422)


def test_a_carrier_that_refuses_to_list_is_told_apart_from_a_channel_without_a_carrier(
    alone: Settings, double: TwilioDouble
) -> None:
    with connected(alone, double, auth_token="wrong-token") as client:
        refused = client.get("/connections/acme/carrier-numbers", 502)
        assert (refused["code"], "status 401" in refused["error"]) == ("carrier_refused", True)
        for name in ("simulated", "web-chat"):
            assert client.get(f"/connections/{name}/carrier-numbers", 409)["code"] == "nothing_to_list"
        client.get("/connections/nowhere/carrier-numbers", 404)
        client.patch("/connections/acme", secrets={"auth_token": ""})
        assert "no auth token" in client.get("/connections/acme/carrier-numbers", 502)["error"]
        client.patch("/connections/acme", secrets=SECRETS, settings={"api_base": "http://127.0.0.1:9"})
        assert "127.0.0.1" in client.get("/connections/acme/carrier-numbers", 502)["error"]


def test_connecting_enters_our_addresses_and_the_number_shows_it(settings: Settings, double: TwilioDouble) -> None:
    with connected(settings, double) as client:
        assert add_line(client)["carrier"] is None
        asked = act(client, "/numbers/line/connect", 202)
        assert (asked["carrier"]["state"], asked["carrier"]["settled_at"]) == ("queued", None)
        act(client, "/numbers/line/connect", 202)
        run_carriers(client)
        known = client.get("/numbers/line")["carrier"]
        assert (known["state"], known["error"]) == ("sent", "")
        assert known["addresses"]["SmsUrl"].endswith("/hooks/acme/messages")
        (listed,) = [one for one in client.get("/connections/acme/carrier-numbers")["items"] if one["number"] == "line"]
        assert listed["webhooks"]["SmsUrl"] == known["addresses"]["SmsUrl"]
        states = client.installation.rows("SELECT state FROM effects WHERE kind = 'set_webhooks' ORDER BY id")
        assert states == [("cancelled",), ("sent",)]
        assert client.installation.rows("SELECT what FROM audit WHERE did = 'connect_number'") == [("line",)] * 2


def test_a_number_that_cannot_be_connected_says_why(settings: Settings, double: TwilioDouble) -> None:
    with connected(settings, double) as client:
        add_line(client, "+48229999999")
        act(client, "/numbers/line/connect", 202)
        run_carriers(client)
        known = client.get("/numbers/line")["carrier"]
        assert (known["state"], "has no number +48229999999" in known["error"]) == ("dead", True)
        assert "could not be entered" in client.get("/problems")["items"][0]["message"]
        assert [one["carrier"] for one in client.get("/numbers")["items"] if one["name"] == "line"] == [known]
        for name in ("support-line", "web-chat"):
            assert act(client, f"/numbers/{name}/connect", 409)["code"] == "nothing_to_connect"
        act(client, "/numbers/nowhere/connect", 404)


def states(tested: dict[str, Any]) -> dict[str, str]:
    """The state of each check by its name; of several the worst."""
    order = ["good", "unknown", "wrong"]
    found: dict[str, str] = {}
    for check in tested["checks"]:
        assert check["sentence"].endswith("."), check
        assert check["state"] == "good" or check["mend"].endswith("."), check
        found[check["name"]] = max(found.get(check["name"], "good"), check["state"], key=order.index)
    return found


def test_the_test_of_a_connection_names_what_is_wrong(alone: Settings, double: TwilioDouble) -> None:
    with connected(alone, double) as client:
        assert states(act(client, "/connections/acme/test"))["number"] == "unknown"
        add_line(client)
        add_line(client, "+48229999999", "stranger")
        client.patch("/connections/acme", settings={"api_base": double.url, "country": "PL"})
        double.ask("POST", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{sid(double)}.json", ELSEWHERE)
        tested = act(client, "/connections/acme/test")
        assert (tested["works"], tested["seconds"] < 20) == (False, True)
        assert states(tested) == {
            "secrets": "good",
            "public_address": "wrong",
            "account": "good",
            "number": "wrong",
            "webhooks": "wrong",
        }
        (missing,) = [one for one in tested["checks"] if one["name"] == "number" and one["state"] == "wrong"]
        assert missing["number"] == "stranger"
        assert SECRET not in str(tested)
        act(client, "/numbers/line/connect", 202)
        run_carriers(client)
        assert states(act(client, "/connections/acme/test"))["webhooks"] == "good"


ELSEWHERE = {"SmsUrl": "https://else.example/sms"}


def sid(double: TwilioDouble) -> str:
    """The account's own id of our number."""
    listed = double.ask("GET", f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json")["incoming_phone_numbers"]
    return next(str(one["sid"]) for one in listed if one["phone_number"] == OURS)


def test_refused_credentials_and_a_suspended_account_are_told_apart(alone: Settings, double: TwilioDouble) -> None:
    with connected(alone, double, auth_token="wrong-token") as client:
        assert states(act(client, "/connections/acme/test"))["credentials"] == "wrong"
        client.patch("/connections/acme", secrets=SECRETS)
        account = f"/2010-04-01/Accounts/{ACCOUNT}.json"
        double.ask("POST", account, {"Status": "suspended"})
        assert states(act(client, "/connections/acme/test"))["account"] == "wrong"
        double.ask("POST", account, {"Status": "active"})
        client.patch("/connections/acme", enabled=False)
        assert states(act(client, "/connections/acme/test"))["enabled"] == "wrong"


def test_secrets_that_cannot_be_opened_are_named(alone: Settings) -> None:
    with api(alone) as client:
        client.installation.write("UPDATE connections SET sealed = :junk WHERE name = 'simulated'", junk=b"junk")
        assert states(act(client, "/connections/simulated/test")) == {"secrets": "wrong"}
        assert states(act(client, "/connections/web-chat/test"))["public_address"] == "wrong"
        act(client, "/connections/nowhere/test", 404)


def test_the_channels_say_what_their_forms_need(alone: Settings) -> None:
    with api(alone) as client:
        listed = {one["kind"]: one for one in client.get("/channels")["items"]}
    assert set(listed) >= {"twilio", "simulated", "web_chat", "web_form", "mailbox", "webhook"}
    assert listed["twilio"]["secrets"] == ["account_sid", "auth_token"]
    assert [kind for kind, one in listed.items() if one["lists_numbers"]] == ["twilio"]
    assert "imap_host" in listed["mailbox"]["settings_schema"]["properties"]
    assert "allowed_origins" in listed["web_chat"]["number_settings_schema"]["properties"]


def test_what_a_carrier_tells_is_a_strangers_text(alone: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = CarrierNumber("+48\x00\ud800", "<b>\x00", ("calls",), {"VoiceUrl": "javascript:alert(1)"})

    def strange(*_: object) -> CarrierPage:
        return CarrierPage([odd, CarrierNumber("")], "")

    monkeypatch.setattr(Twilio, "carrier_numbers", strange)
    with api(alone) as client:
        client.post("/connections", 201, name="acme", kind="twilio", secrets=SECRETS)
        listed = client.get("/connections/acme/carrier-numbers")
    assert [one["number"] for one in listed["items"]] == [None, None]
    assert "\x00" not in listed["items"][0]["value"]
