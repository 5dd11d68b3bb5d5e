"""Flows that travel in a file: the same bytes elsewhere, a plan before, everything or nothing, and no secret ever."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app import publishing
from app.cli import main
from app.config import Settings
from app.credentials import CredentialRefused, read_credential, seal_credential
from app.errors import DomainError, Invalid
from app.models import CredentialRow
from app.publishing.creating import CREATABLE
from app.publishing.import_plan import Choices, plan
from app.publishing.importing import Undecided, apply, export_all, plan_data
from app.web.api.transfers import CREATING
from flows import document, flow_file
from flows.errors import DocumentError
from flows.flow_file import FlowFile
from flows.named import NAMED
from flows.registry import Registry
from tests.app.people_house import people_house
from tests.app.seeded import Seeded, seeded

CANARY = "canary-7f3a9e-secret"


def flow(name: str, queue: str = "vip-night", number: str = "web-chat", **more: Any) -> dict[str, Any]:
    """A flow that names a number, a queue, a credential and a constant."""
    people = {"target": {"queue": queue}, "waiting_text": {"en": "Call {{ constants.support_phone }}."}}
    closed = {"closed": "end", "timed_out": "end", "full": "end", "out_of_hours": "end"}
    fetch = {"credential": "crm_key", "url": "https://crm.example.com/x", "mapping": []}
    done = {"success": "people", "not_found": "people"}
    return {
        "format": 1,
        "name": name,
        "languages": ["en"],
        "steps": {
            "message": {"type": "incoming_message", "config": {"numbers": [number]}, "exits": {"next": "fetch"}},
            "fetch": {"type": "fetch_variable", "config": fetch, "exits": done},
            "people": {"type": "forward_to_queue", "config": people, "exits": closed},
        },
        "tests": [{"id": "one", "name": "One", "turns": []}],
        **more,
    }


def file_of(*flows: dict[str, Any], **more: Any) -> FlowFile:
    return flow_file.from_data({"format": 1, "flows": list(flows), **more})


@pytest.fixture
def house(settings: Settings) -> Iterator[Seeded]:
    with seeded(settings) as made:
        yield made


def planned(house: Seeded, file: FlowFile, choices: Choices = Choices()) -> dict[str, Any]:  # noqa: B008  immutable
    """The plan, as data."""
    with house.house.database.reading() as session:
        return plan_data(plan(session, house.house, file, choices))


def imported(house: Seeded, file: FlowFile, choices: Choices) -> list[str]:
    """The names of the flows that an import kept, committed."""
    with house.house.database.transaction() as session:
        return [draft.name for draft in apply(session, house.house, file, choices, "ada")[1]]


def exported(house: Seeded, *names: str) -> str:
    with house.house.database.reading() as session:
        return export_all(session, house.house, names)


def states(plan_: dict[str, Any]) -> dict[str, str]:
    return {f"{need['kind']}.{need['name']}": need["state"] for need in plan_["needs"]}


_TOO_LARGE = "The document is larger than 16384 KiB. Split the flow: a part of it can be a flow of its own."
LEAVE = Choices(leaves_all=True)


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


LAUGHS = "{{ 'x'" + " ~ 'x' * 9" * 300 + " }}"
BAD: list[tuple[str, str]] = [
    ("{", "not JSON"),
    ("[]", "an object"),
    ('{"format": 2, "flows": []}', "It was written by a newer Patchbay"),
    ('{"format": "1", "flows": []}', "Export it again."),
    ('{"format": 1, "flows": []}', "A file holds 1 to 200 flows; this one holds 0."),
    ('{"format": 1, "flows": {}}', "a list"),
    ('{"format": 1, "flows": [5]}', "flows.0"),
    ('{"format": 1, "flows": [], "secrets": {}}', "This key is unknown here"),
    ('{"format": 1, "flows": [' + json.dumps(flow("A")) + '], "needs": {"moons": []}}', "needs.moons"),
    ('{"format": 1, "flows": [' + json.dumps(flow("A")) + '], "needs": {"queues": [5]}}', "needs.queues.0"),
    (
        json.dumps({"format": 1, "flows": [flow("A")], "needs": {"queues": ["a\x1b[2J"]}}),
        "needs.queues.0: A name is one",
    ),
    (json.dumps({"format": 1, "flows": [flow("A")], "needs": {"queues": ["x" * 201]}}), "1 to 200 characters"),
    (json.dumps({"format": 1, "flows": [flow("A")], "needs": {"files": ["a"] * 10_001}}), "at most 10,000 of a kind"),
    (json.dumps({"format": 1, "flows": [flow("A"), flow("A")]}), "Two flows of this file are called “A”"),
    (json.dumps({"format": 1, "flows": [flow("x" * 201)]}), "longer than 200 characters"),
    (json.dumps({"format": 9, **{k: v for k, v in flow("A").items() if k != "format"}}), "format"),
    ('{"a":' * 100 + "1" + "}" * 100, "deep"),
    (json.dumps({"format": 1, "flows": [flow("A", description="x" * 600_000)]}), "512 KiB"),
    ('"' + "x" * (flow_file.MOST_BYTES + 1) + '"', "16"),
]


@pytest.mark.parametrize(("text", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_a_file_that_is_none_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(DocumentError) as refused:
        flow_file.read(text)
    assert sentence in str(refused.value)


HOSTILE = "<script>alert(1)</script>\u202e ' \" ; DROP TABLE flows"


def test_hostile_names_and_texts_are_kept_as_texts(house: Seeded) -> None:
    laughs = flow(HOSTILE, queue="b", description="&lol9;" * 1_000)
    laughs["steps"]["people"]["config"]["waiting_text"] = {"en": LAUGHS[:2_000]}
    assert imported(house, file_of(laughs), LEAVE) == [HOSTILE]
    assert json.loads(exported(house, HOSTILE))["flows"][0]["name"] == HOSTILE
    with pytest.raises(DomainError, match="A queue cannot be called"):
        imported(
            house,
            file_of(flow("B", queue=HOSTILE)),
            Choices({}, {"queues": {HOSTILE: {"create": {}}}}, leaves_all=True),
        )


def test_a_flow_that_calls_itself_is_a_finding_and_no_loop(house: Seeded) -> None:
    begin = {"type": "called_by_flow", "config": {}, "exits": {"next": "again"}}
    again = {"type": "run_flow", "config": {"flow": "Self"}, "exits": {"completed": "end"}}
    own = {"format": 1, "name": "Self", "languages": ["en"], "steps": {"begin": begin, "again": again}}
    imported(house, file_of(own), LEAVE)
    with house.house.database.reading() as session:
        row = publishing.find_flow(session, "Self")
        found = publishing.findings(session, house.house, row.id, publishing.read(session, row).flow)
    assert any(finding.severity == "blocking" for finding in found)
    assert states(planned(house, file_of(own))) == {}


def test_a_bare_document_is_a_file_of_one_flow(house: Seeded) -> None:
    assert imported(house, flow_file.from_data(flow("Bare")), LEAVE) == ["Bare"]
    assert planned(house, flow_file.from_data(flow("Bare")), LEAVE)["flows"][0]["does"] == "nothing"
    assert document.read(json.dumps(flow("Bare"))).name == "Bare"


def test_the_command_line_exports_plans_and_imports(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "PATCHBAY_DATA"):
        monkeypatch.setenv(name, settings.environment.get(name, ""))
    file = tmp_path / "flows.json"
    file.write_text(flow_file.write(file_of(flow("New")).flows, _registry()), encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["flows", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    with seeded(settings) as house:
        code, out, _ = run("import", str(file), "--plan")
        assert code == 1
        assert "queue “vip-night”: There is no queue “vip-night” here." in out
        code, _, err = run("import", str(file))
        assert (code, "Nothing was imported." in err) == (1, True)
        decided = ["--create", 'queues.vip-night={"title": "At night"}', "--create",
                   "constants.support_phone=+48 22 000"]  # fmt: skip
        code, out, err = run("import", str(file), *decided, "--leave-missing", "--as", "New=Newer")
        assert (code, err, out.splitlines()[0]) == (0, "", "flow “Newer” is new")
        assert house.rows("SELECT title FROM queues WHERE name = 'vip-night'") == [("At night",)]
        assert house.rows("SELECT count(*) FROM flows WHERE name = 'Newer'") == [(1,)]
        code, out, _ = run("export", "Newer", "--output", str(tmp_path / "out.json"))
        assert (code, out) == (0, "")
        assert run("import", str(tmp_path / "out.json"), "--leave-missing")[1].startswith(
            "flow “Newer” is here already as revision 1"
        )
        assert run("export", "Newer")[1] == (tmp_path / "out.json").read_text(encoding="utf-8")
        (tmp_path / "big.json").write_bytes(b'"' + b"x" * 50_000_000 + b'"')
        code, _, err = run("import", str(tmp_path / "big.json"))
        assert (code, err) == (1, f"patchbay: {tmp_path / 'big.json'}: {_TOO_LARGE}\n")
        wrong_ones = (["--use", "queues"], ["--use", "a=b"], ["--create", "credentials.crm_key"],
                      ["--create", "queues.vip-night=Night"], ["--create", "segments.typo"])  # fmt: skip
        for wrong in wrong_ones:
            code, _, err = run("import", str(file), *wrong)
            assert (code, err.endswith(".\n")) == (1, True)
        exports = "SELECT who, what FROM audit WHERE did = 'export_flows'"
        assert house.rows(exports) == [("command line", "Newer")] * 2
        assert run("export", "No such flow")[0] == 1
        loud = flow("Loud", queue="q\x1b[31m\u202e\r", number="\x9b2J")
        (tmp_path / "loud.json").write_text(json.dumps(loud), encoding="utf-8")
        for command, *more in (["import", "--plan"], ["import"], ["check"]):
            _, out, err = run(command, str(tmp_path / "loud.json"), *more)
            assert "q [31m" in out + err
            assert not set("\x1b\u202e\r\x9b") & set(out + err), command


def _registry() -> Registry:
    return Registry.discover(["steps"])
