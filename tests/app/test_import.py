"""Flows that travel in a file: the same bytes elsewhere, a plan before, everything or nothing, and no secret ever."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app import publishing
from app.config import Settings
from app.credentials import CredentialRefused, read_credential, seal_credential
from app.errors import DomainError, Invalid
from app.models import CredentialRow
from app.publishing.creating import CREATABLE
from app.publishing.import_plan import Choices
from app.publishing.importing import Undecided
from app.web.api.transfers import CREATING
from flows import document, flow_file
from flows.errors import DocumentError
from flows.named import NAMED
from tests.app.flow_files import CANARY, LEAVE, exported, file_of, flow, imported, planned, states
from tests.app.people_house import people_house
from tests.app.seeded import Seeded, seeded


@pytest.fixture
def house(settings: Settings) -> Iterator[Seeded]:
    with seeded(settings) as made:
        yield made


def test_what_is_exported_and_imported_elsewhere_is_exported_as_the_same_bytes(house: Seeded, tmp_path: Path) -> None:
    imported(house, file_of(flow("Żółw 🐢"), flow("A", queue="b", number="no\nname")), LEAVE)
    text = exported(house, "Żółw 🐢", "A")
    data = json.loads(text)
    assert data["format"] == 1
    assert [one["name"] for one in data["flows"]] == ["A", "Żółw 🐢"]
    assert data["flows"][0]["tests"] == [{"id": "one", "name": "One", "turns": []}]
    needs = {"credentials": ["crm_key"], "queues": ["b", "vip-night"], "constants": ["support_phone"]}
    empty: dict[str, list[str]] = {"calendars": [], "connections": [], "segments": [], "flows": [], "files": []}
    assert data["needs"] == {"numbers": ["web-chat"], **needs, **empty}
    elsewhere = Settings.from_environment(
        {"DATABASE_URL": f"sqlite:///{tmp_path}/elsewhere.db", "PATCHBAY_DATA": str(tmp_path / "data")}
    )
    with seeded(elsewhere) as other:
        imported(other, flow_file.read(text), LEAVE)
        assert exported(other, "Żółw 🐢", "A") == text


def test_a_plan_tells_what_is_found_missing_and_taken(house: Seeded) -> None:
    told = planned(house, file_of(flow("New"), flow("VIP messages", queue="standard"), needs={"connections": ["shop"]}))
    assert told["flows"] == [
        {"name": "New", "in_file": "New", "does": "create", "revision": 1},
        {"name": "VIP messages", "in_file": "VIP messages", "does": "revise", "revision": 2},
    ]
    assert states(told) == {
        "credentials.crm_key": "missing",
        "queues.standard": "found",
        "queues.vip-night": "missing",
        "numbers.web-chat": "taken",
        "constants.support_phone": "missing",
        "connections.shop": "missing",
    }
    sentences = {need["name"]: need["sentence"] for need in told["needs"]}
    assert sentences["vip-night"] == (
        "There is no queue “vip-night” here. Choose another queue, create it, or leave it missing for now."
    )
    assert sentences["shop"] == (
        "There is no connection “shop” here. Choose another connection, or leave it missing for now."
    )
    assert "“web-chat” is answered by the flow “VIP messages”" in sentences["web-chat"]
    assert told["complete"] is False
    chosen = planned(house, file_of(flow("New", number="x")), Choices({}, {"numbers": {"x": {"use": "web-chat"}}}))
    (number,) = (need for need in chosen["needs"] if need["kind"] == "numbers")
    assert (number["state"], number["sentence"]) == ("chosen", sentences["web-chat"])
    assert {need["name"]: need["flows"] for need in told["needs"]}["standard"] == ["VIP messages"]


def test_nothing_is_imported_while_something_is_undecided(house: Seeded) -> None:
    with pytest.raises(Undecided) as refused:
        imported(house, file_of(flow("New")), Choices())
    assert refused.value.details["complete"] is False
    assert house.rows("SELECT count(*) FROM flows WHERE name = 'New'") == [(0,)]


SECRET = {"kind": "bearer", "origins": ["https://crm.example.com"], "secret": {"token": CANARY}}


def test_what_is_missing_is_chosen_or_created(house: Seeded) -> None:
    choices = Choices(
        {"New": "Renamed"},
        {
            "queues": {"vip-night": {"use": "standard"}},
            "credentials": {"crm_key": {"create": SECRET}},
            "constants": {"support_phone": {"create": {"value": "+48 22 000"}}},
        },
    )
    assert planned(house, file_of(flow("New")), choices)["complete"]
    assert imported(house, file_of(flow("New")), choices) == ["Renamed"]
    text = exported(house, "Renamed")
    assert json.loads(text)["flows"][0]["steps"]["people"]["config"]["target"] == {"queue": "standard"}
    assert house.rows("SELECT value FROM constants WHERE name = 'support_phone'") == [('"+48 22 000"',)]
    assert states(planned(house, file_of(flow("New", queue="standard"))))["credentials.crm_key"] == "found"
    assert house.rows("SELECT what FROM audit WHERE did = 'import_flows'") == [("Renamed",)]


SOUND = "5" * 64


def everything(name: str = "Everything") -> dict[str, Any]:
    """A flow that names something of every kind."""
    audience = {"by": "segment", "segment": "newsletter"}
    due = {"number": "news", "when": {"by": "calendar", "calendar": "office"}, "audience": audience}
    mail = {"credential": "mail", "to": ["a@example.com"], "subject": {"en": "Hi"}, "files": [{"file": SOUND}]}
    words = {"text": {"en": "Call {{ constants.phone }}."}}
    steps = {
        "due": {"type": "schedule", "config": due, "exits": {"next": "join"}},
        "join": {"type": "update_contact", "config": {"join": ["vip"]}, "exits": {"success": "hook"}},
        "hook": {"type": "wait_for_webhook", "config": {"connection": "shop", "key": "x"}, "exits": {}},
        "call": {"type": "run_flow", "config": {"flow": "Another"}, "exits": {"completed": "mail"}},
        "mail": {"type": "send_email", "config": mail, "exits": {"success": "tell"}},
        "tell": {"type": "send_message", "config": words, "exits": {"success": "people"}},
        "people": {"type": "forward_to_queue", "config": {"target": {"queue": "night"}}, "exits": {}},
    }
    return {"format": 1, "name": name, "languages": ["en"], "steps": steps}


MAIL_ACCOUNT = {"host": "smtp.example.com", "port": "587", "mode": "starttls", "user": "desk", "secret": CANARY}
MADE: dict[str, tuple[str, Any]] = {
    "credentials": ("mail", {"kind": "smtp", "origins": [], "secret": {**MAIL_ACCOUNT, "sender": "desk@example.com"}}),
    "queues": ("night", {"title": "At night"}),
    "calendars": ("office", {"zone": "Europe/Warsaw", "weekly": {"monday": [{"from": "08:00", "to": "16:00"}]}}),
    "constants": ("phone", {"value": "+48221234567"}),
    "segments": ("newsletter", {}),
}
USED = {"numbers": ("news", "support-line"), "connections": ("shop", "simulated"), "flows": ("Another", "VIP messages")}


def test_each_kind_of_thing_is_found_chosen_created_or_left(house: Seeded) -> None:
    kinds = {kind.removesuffix("s") for kind in (*MADE, *USED, "files")}
    assert kinds == set(NAMED)
    assert set(CREATABLE) == {kind.removesuffix("s") for kind in MADE}
    file = file_of(everything())
    told = {(need["kind"], need["name"]): need for need in planned(house, file)["needs"]}
    assert {state["state"] for state in told.values()} == {"missing"}
    assert {kind for (kind, _), need in told.items() if need["may_create"]} == set(MADE)
    needs: dict[str, dict[str, Any]] = {kind: {name: {"create": made}} for kind, (name, made) in MADE.items()}
    needs["segments"]["vip"] = {"create": {"title": "Important"}}
    needs |= {kind: {name: {"use": other}} for kind, (name, other) in USED.items()}
    choices = Choices({}, {**needs, "files": {SOUND: {"leave": True}}})
    after = states(planned(house, file, choices))
    assert {kind: after[f"{kind}.{name}"] for kind, (name, _) in {**MADE, **USED}.items()} == {
        **dict.fromkeys(MADE, "created"),
        **dict.fromkeys(USED, "chosen"),
    }
    imported(house, file, choices)
    with house.house.database.reading() as session:
        row = publishing.find_flow(session, "Everything")
        draft = publishing.read(session, row).flow
        found = publishing.findings(session, house.house, row.id, draft)
    assert [(one.step, one.field) for one in found if one.code == "missing_reference"] == [("mail", "files.0.file")]
    assert house.rows("SELECT name, title FROM segments ORDER BY name") == [("newsletter", "newsletter"),
                                                                            ("vip", "Important")]  # fmt: skip
    again = states(planned(house, file_of(document.to_data(draft))))
    assert {state for place, state in again.items() if not place.startswith("files.")} == {"found"}


def test_no_secret_is_in_a_file(house: Seeded) -> None:
    created = {"credentials": {"crm_key": {"create": SECRET}}}
    imported(house, file_of(flow("New")), Choices({}, created, leaves_all=True))
    assert CANARY not in exported(house)
    stored = house.rows("SELECT document FROM revisions") + house.rows("SELECT what FROM audit")
    assert not any(CANARY in str(row) for row in stored)


def test_a_secret_that_cannot_be_opened_is_to_be_filled(house: Seeded) -> None:
    read = read_credential("other", "bearer", ["https://crm.example.com"], {"token": "x"})
    with house.house.database.transaction() as session:
        row = CredentialRow(name="crm_key", kind="bearer", origins=json.dumps(read.origins))
        row.sealed = seal_credential(house.house.key, read)  # under another name: as if by another key
        row.created_at = row.changed_at = datetime(2026, 1, 1, tzinfo=UTC)
        session.add(row)
    assert states(planned(house, file_of(flow("New"))))["credentials.crm_key"] == "secret_to_fill"


REFUSED: list[tuple[Choices, type[Exception], str]] = [
    (Choices({}, {"queues": {"vip-night": {"use": "no-such"}}}), DomainError, "There is no queue “no-such” to use"),
    (Choices({}, {"numbers": {"x": {"create": {}}}}, True), DomainError, "A number cannot be created by an import"),
    (Choices({}, {"constants": {"support_phone": {"use": "y"}}}), DomainError, "A constant stands in expressions"),
    (Choices({"Other": "B"}), DomainError, "The file has no flow “Other” that could be renamed."),
    (Choices({"New": ""}, {}, True), DocumentError, "This text needs to be filled in."),
    (Choices({}, {"credentials": {"crm_key": {"create": {}}}}, True), DomainError, "needs its kind, its origins"),
    (Choices({}, {"constants": {"support_phone": {"create": {}}}}, True), DomainError, "needs a value"),
    (Choices({}, {"calendars": {"office": {"create": {}}}}, True), DomainError, "“office” cannot be made like this"),
    (Choices({}, {"calendars": {"office": {"create": {"zone": "UTC"}}}}, True), DomainError, "has no open time at all"),
    (Choices({}, {"calendars": {"office": {"create": {"zone": "Moon"}}}}, True), DomainError, "no time zone “Moon”"),
    (Choices({}, {"segments": {"vip": {"create": {"title": "a\nb"}}}}, True), DomainError, "needs to be one line"),
    (Choices({}, {"queues": {"vip-night": {"create": {"colour": "red"}}}}, True), DomainError, "a title and nothing"),
    (Choices({}, {"queue": {"vip-night": {"create": {}}}}, True), DomainError, "names nothing “queue.vip-night”"),
    (Choices({}, {"segments": {"vips": {"create": {}}}}, True), DomainError, "names nothing “segments.vips”"),
    (
        Choices({}, {"credentials": {"crm_key": {"create": {**SECRET, "origins": ["ftp://x"]}}}}, True),
        CredentialRefused,
        "Origin 1",
    ),
]


def test_a_choice_that_cannot_be_taken_is_refused_whole(house: Seeded) -> None:
    before = house.rows("SELECT (SELECT count(*) FROM flows), (SELECT count(*) FROM queues)")
    named = {"queues": ["vip-night"], "calendars": ["office"], "segments": ["vip"]}
    file = file_of(flow("New", number="x"), needs=named)
    for choices, kind, sentence in REFUSED:
        needs = {"queues": {"vip-night": {"create": {}}}, **choices.needs}
        with pytest.raises(kind) as refused:
            imported(house, file, Choices(choices.names, needs, choices.leaves_all))
        assert sentence in str(refused.value)
        assert house.rows("SELECT (SELECT count(*) FROM flows), (SELECT count(*) FROM queues)") == before


_BAD_DAY = {"zone": "UTC", "weekly": {"monday": [{"from": "12:00", "to": "08:00"}]}}
_NO_ORIGIN = {**SECRET, "origins": ["ftp://x"]}
PLACES: list[tuple[str, str, dict[str, Any], str]] = [
    ("calendars", "office", _BAD_DAY, "needs.calendars.office.create.weekly.monday.0"),
    ("calendars", "office", {"zone": "UTC"}, "needs.calendars.office.create.weekly"),
    ("calendars", "office", {"zone": 5}, "needs.calendars.office.create.zone"),
    ("credentials", "crm_key", _NO_ORIGIN, "needs.credentials.crm_key.create.origins.0"),
    ("constants", "support_phone", {}, "needs.constants.support_phone.create"),
    ("queues", "Night", {}, "needs.queues.Night.create"),
]


def test_what_cannot_be_created_is_named_with_its_place_in_the_import(house: Seeded) -> None:
    for kind, name, given, place in PLACES:
        file = file_of(flow("New", number="x"), needs={"calendars": ["office", "shop"], "queues": ["Night"]})
        with pytest.raises((Invalid, CredentialRefused)) as refused:
            imported(house, file, Choices({}, {kind: {name: {"create": given}}}, leaves_all=True))
        problem = refused.value
        told = problem.details["faults"] if isinstance(problem, Invalid) else []
        refusal = problem.faults if isinstance(problem, CredentialRefused) else ()
        paths = [*(fault["path"] for fault in told), *(path for path, _ in refusal)]
        assert (paths, f"“{name}”" in str(problem)) == ([place], True), place


def test_an_import_makes_nothing_that_its_author_may_not_make(settings: Settings) -> None:
    assert {kind.removesuffix("s") for kind in CREATING} == set(CREATABLE)
    with people_house(settings) as people:
        author = people.signed_in("eva", "author")
        csrf = {"X-CSRF-Token": str(author.client.get("/api/v1/me").get_json()["csrf"])}
        bare = {"format": 1, "name": "Bare", "languages": ["en"], "steps": {}}
        for kind, right in CREATING.items():
            file = {"format": 1, "flows": [bare], "needs": {kind: ["x"]}}
            body = {"file": file, "needs": {kind: {"x": {"create": {}}}}}
            refused = author.client.post("/api/v1/imports", json=body, headers=csrf)
            assert (refused.status_code, refused.get_json()["details"]) == (403, {"rights": [right]}), kind
        assert people.installation.rows("SELECT count(*) FROM flows WHERE name = 'Bare'") == [(0,)]


def test_two_imports_at_once_leave_one_of_each(house: Seeded) -> None:
    file = file_of(*(flow(f"Flow {n}") for n in range(5)))
    choices = Choices({}, {"queues": {"vip-night": {"create": {}}}}, leaves_all=True)

    with ThreadPoolExecutor(4) as several:
        results = list(several.map(lambda _: imported(house, file, choices), range(4)))
    assert results == [[f"Flow {n}" for n in range(5)]] * 4, "each waited, and found what the first had made"
    assert house.rows("SELECT count(*) FROM flows WHERE name LIKE 'Flow %'") == [(5,)]
    assert house.rows("SELECT count(*) FROM queues WHERE name = 'vip-night'") == [(1,)]
    assert house.rows(
        "SELECT count(*) FROM revisions r JOIN flows f ON f.id = r.flow_id WHERE f.name LIKE 'Flow %'"
    ) == [(5,)]


def test_a_bare_document_is_a_file_of_one_flow(house: Seeded) -> None:
    assert imported(house, flow_file.from_data(flow("Bare")), LEAVE) == ["Bare"]
    assert planned(house, flow_file.from_data(flow("Bare")), LEAVE)["flows"][0]["does"] == "nothing"
    assert document.read(json.dumps(flow("Bare"))).name == "Bare"
