"""The installation's own settings by the API: read, changed, audited, and each refused with its sentence."""

import json
from typing import Any

from app.config import Settings
from app.directory import Directory
from tests.app.api_client import api


def test_the_settings_are_read_and_changed_and_every_process_follows_within_a_second(settings: Settings) -> None:
    with api(settings) as client:
        before = client.get("/installation")
        assert (before["name"], before["zone"], before["language"]) == ("Patchbay", "UTC", "en")
        assert (before["fallback_queue"], before["country"], set(before["apology"])) == (
            "people",
            "",
            {"en", "pl", "ru"},
        )
        client.post("/queues", 201, name="night", title="Night")
        wanted: dict[str, Any] = {
            "name": "Acme",
            "zone": "Europe/Warsaw",
            "language": "pl",
            "country": "PL",
            "apology": {"pl": "Przepraszamy.", "en": "Sorry."},
            "fallback_queue": "night",
        }
        changed = client.patch("/installation", **wanted)
        assert changed == client.get("/installation") == {**before, **wanted}
        house = client.installation.house
        with house.database.reading() as session:
            known = Directory(house.key, "", house.machine).installation(session)
        assert (known.zone, known.language, known.fallback_queue, known.apology) == (
            "Europe/Warsaw",
            "pl",
            "night",
            wanted["apology"],
        )
        assert client.patch("/installation") == changed
        acts = client.installation.rows("SELECT who, what FROM audit WHERE did = 'change_installation' ORDER BY id")
        assert acts == [
            (
                "tests",
                "name: Acme; zone: Europe/Warsaw; language: pl; country: PL; apology: en, pl; fallback_queue: night",
            ),
            ("tests", "nothing"),
        ]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"name": " "}, "name", "needs a name"),
    ({"zone": "Europe/Krakow"}, "zone", "“Europe/Krakow” is no time zone"),
    ({"zone": "../etc/passwd"}, "zone", "is no time zone"),
    ({"language": "polski"}, "language", 'a language code such as "en"'),
    ({"language": "de"}, "apology", "The apology has no text in “de”"),
    ({"country": "XX"}, "country", "“XX” is no country"),
    ({"country": "Poland"}, "country", "two letters such as PL"),
    ({"fallback_queue": "nowhere"}, "fallback_queue", "There is no queue “nowhere”"),
    ({"apology": {}}, "apology", "at least one language"),
    ({"apology": {"pl": "Przepraszamy."}}, "apology", "no text in “en”"),
    ({"apology": {"en": "Sorry.", "pl": "  "}}, "apology", "The apology in “pl” says nothing"),
    ({"apology": {"en": "Sorry.", "po polsku": "Przepraszamy."}}, "apology", "“po polsku” is no language code"),
    ({"key_fingerprint": "x"}, "", "key_fingerprint"),
]


def test_what_cannot_be_is_refused_with_its_sentence_and_changes_nothing(settings: Settings) -> None:
    with api(settings) as client:
        before = client.get("/installation")
        for body, path, says in REFUSED:
            refused = client.patch("/installation", 422, **body)
            assert says in refused["error"], (body, refused)
            (fault,) = refused["details"]["faults"]
            assert fault["path"].startswith(path), (body, fault)
        both = client.patch("/installation", 422, zone="Moon/Crater", fallback_queue="nowhere")
        assert [fault["path"] for fault in both["details"]["faults"]] == ["zone", "fallback_queue"]
        assert client.get("/installation") == before
        assert client.installation.rows("SELECT id FROM audit WHERE did = 'change_installation'") == []


def test_its_country_reads_the_national_numbers_that_name_none(settings: Settings) -> None:
    with api(settings) as client:
        new = {"connection": "simulated", "value": "22 123 45 67"}
        assert client.post("/numbers", 422, name="warsaw", **new)["code"] == "bad_number"
        client.patch("/installation", country="PL")
        for own, written, kept in [({}, "22 123 45 67", "+48221234567"), ({"country": "DE"}, "0221 123", "+49221123")]:
            name = f"office-{kept[1:3]}"
            made = client.ask("POST", "/numbers", 201, json={**new, "name": name, "value": written, **own})
            assert (made["value"], made["country"]) == (kept, own.get("country", "PL"))
            contact = client.ask("POST", "/contacts", 201, json={"name": "Anna", "phone": written, **own})
            assert kept in json.dumps(contact)
