"""The API's flows and versions, as a program uses them."""

import json
from urllib.parse import quote

from app.accounts.tokens import create_token
from app.config import Settings
from tests.app.api_client import api
from tests.app.test_publishing_numbers import messages

ENVELOPE = {"Content-Type": "application/json"}


def test_a_flow_is_made_saved_checked_published_and_rolled_back(settings: Settings) -> None:
    with api(settings) as client:
        made = client.post("/flows", 201, name="Texts")
        assert (made["revision"], made["published"], made["answers"]) == (1, None, [])
        assert [finding["code"] for finding in made["findings"]] == ["no_trigger"]
        document = messages("Texts", "support-line")
        saved = client.put("/flows/Texts", document=document, base=1)
        assert (saved["revision"], saved["findings"], saved["author"]) == (2, [], "tests")
        assert client.post("/flows/Texts/check")["findings"] == []
        published = client.post("/flows/Texts/publish", 201, note="First")
        assert (published["version"], published["answers"], published["note"]) == (1, ["support-line"], "First")
        client.put("/flows/Texts", document={**document, "description": "New"}, base=2)
        assert client.post("/flows/Texts/publish", 201)["version"] == 2
        (shown,) = client.get("/flows?search=TEXT")["items"]
        assert (shown["revision"], shown["author"], shown["answers"]) == (3, "tests", ["support-line"])
        assert (shown["published"]["version"], shown["published"]["revision"]) == (2, 3)
        assert client.post("/flows/Texts/versions/1/roll-back", 201)["version"] == 3
        opened = client.get("/flows/Texts")
        assert (opened["published"]["version"], opened["published"]["revision"], opened["revision"]) == (3, 2, 3)
        assert client.get("/flows?search=no%25such")["items"] == []
        listed = client.get("/flows/Texts/versions")["items"]
        assert [(one["version"], one["answers"]) for one in listed] == [(3, ["support-line"]), (2, []), (1, [])]
        assert client.get("/flows/Texts/versions/2")["document"]["description"] == "New"
        assert client.get("/flows/Texts/versions/9", 404)["code"] == "not_found"
        assert client.get("/flows/Texts?revision=1")["document"]["steps"] == {}
        assert [one["revision"] for one in client.get("/flows/Texts/revisions")["items"]] == [3, 2, 1]


def test_a_save_shows_findings_and_is_kept_all_the_same(settings: Settings) -> None:
    broken = messages("Texts", "nowhere")
    with api(settings) as client:
        client.post("/flows", 201, name="Texts")
        saved = client.put("/flows/Texts", document=broken, base=1)
        assert saved["revision"] == 2
        assert [(one["code"], one["severity"], one["step"]) for one in saved["findings"]] == [
            ("missing_reference", "blocking", "begin")
        ]
        refused = client.post("/flows/Texts/publish", 422)
        assert refused["code"] == "blocking_findings"
        assert "nowhere" in refused["error"]


def test_a_conflict_gives_base_theirs_yours_and_the_fields(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/flows", 201, document=messages("Texts", "support-line"))
        client.put("/flows/Texts", document={**messages("Texts", "support-line"), "description": "A"}, base=1)
        refused = client.put(
            "/flows/Texts", 409, document={**messages("Texts", "support-line"), "description": "B"}, base=1
        )
        assert refused["code"] == "draft_conflict"
        assert refused["details"]["fields"] == [{"path": "description", "base": "", "theirs": "A", "yours": "B"}]
        assert refused["details"]["theirs"]["description"] == "A"


def test_a_taken_number_names_the_flow_that_holds_it(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/flows", 201, document=messages("Texts", "web-chat"))
        refused = client.post("/flows/Texts/publish", 409)
        assert refused["code"] == "number_taken"
        assert refused["details"]["taken"] == [
            {"number": "web-chat", "kind": "messages", "keyword": "", "flow": "VIP messages"}
        ]


def test_an_exported_flow_is_imported_again_byte_for_byte(settings: Settings) -> None:
    with api(settings) as client:
        exported = client.client.get("/api/v1/flows/VIP calls/export", headers=client.installation.headers)
        assert exported.headers["Content-Disposition"].startswith("attachment")
        text = exported.text
        as_version = client.client.get("/api/v1/flows/VIP calls/export?version=1", headers=client.installation.headers)
        assert as_version.text == text
        again = client.post("/imports", 201, file=json.loads(text), leave_missing=True)
        assert again["drafts"][0]["revision"] == 1  # nothing changed, so nothing was kept
        renamed = {**json.loads(text), "name": "Copy", "steps": {}}
        assert client.post("/imports", 201, file=renamed)["drafts"][0]["name"] == "Copy"


BODIES: list[tuple[str, str, int, str, str]] = [
    ("not JSON", "{", 422, "not_json", "This is not JSON"),
    ("a list", "[]", 422, "bad_body", "This request needs to be a group of settings."),
    ("a duplicate key", '{"base": 1, "base": 2, "document": {}}', 422, "duplicate_key", "base"),
    ("no number at all", '{"base": NaN, "document": {}}', 422, "number_out_of_range", "base"),
    ("a wrong type", '{"base": "1", "document": {}}', 422, "bad_body", "“base” needs to be a whole number."),
    ("a missing field", '{"document": {}}', 422, "bad_body", "“base” is missing."),
    (
        "an unknown field",
        '{"base": 1, "document": {}, "x": 1}',
        422,
        "bad_body",
        "“x” is not a setting of this request.",
    ),
    ("no flow", '{"base": 1, "document": {}}', 422, "missing_key", "format: "),
    ("an unknown key", '{"base": 1, "document": {"format": 1, "nodes": {}}}', 422, "unknown_key", "nodes: "),
    ("a new format", '{"base": 1, "document": {"format": 2}}', 422, "unknown_format", "newer Patchbay"),
    (
        "a duplicate step",
        '{"base": 1, "document": {"format": 1, "steps": {"a": {}, "a": {}}}}',
        422,
        "duplicate_key",
        "steps.a",
    ),
    ("a base of another flow", '{"base": 9, "document": DOCUMENT}', 422, "unknown_base", "Read the draft again"),
    ("something deep", '{"base": 1, "document": ' + '{"a":' * 80 + "1" + "}" * 81, 422, "too_deep", "nested"),
]


def test_every_wrong_body_gets_its_own_sentence_and_changes_nothing(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/flows", 201, name="Texts")
        for what, body, status, code, says in BODIES:
            sent = body.replace("DOCUMENT", json.dumps(messages("Texts", "support-line")))
            refused = client.ask("PUT", "/flows/Texts", status, ENVELOPE, data=sent)
            assert (refused["code"], says in refused["error"]) == (code, True), (what, refused)
        refused = client.ask("PUT", "/flows/Texts", 415, {"Content-Type": "text/plain"}, data="{}")
        assert refused["code"] == "not_json"
        assert client.get("/flows/Texts")["revision"] == 1


def test_a_body_of_wrong_bytes_is_refused(settings: Settings) -> None:
    with api(settings) as client:
        assert client.ask("POST", "/flows", 422, ENVELOPE, data=b'{"name": "\xff"}')["code"] == "not_utf8"
        assert client.post("/flows", 422, name="x" * 81)["code"] == "bad_body"
        assert client.post("/flows", 409, name="VIP calls")["code"] == "name_taken"
        kept = client.post("/flows", 201, name="a\u0000b")
        assert kept["name"] == "a\ufffdb"


def test_every_list_goes_on_after_its_page(settings: Settings) -> None:
    with api(settings) as client:
        for number in range(5):
            client.post("/flows", 201, name=f"Flow {number}")
        names: list[str] = []
        path = "/flows?limit=3"
        while True:
            page = client.get(path)
            names += [one["name"] for one in page["items"]]
            if page["next"] is None:
                break
            path = f"/flows?limit=3&after={page['next']}"
        assert names == ["VIP calls", "VIP messages", *(f"Flow {number}" for number in range(5))]
        assert client.get("/flows?limit=201", 422)["error"] == "“limit” needs to be 200 or less."
        assert client.get("/flows?limit=many", 422)["error"] == "“limit” needs to be a whole number."


def test_lists_are_searched_by_names(settings: Settings) -> None:
    with api(settings) as client:
        client.post("/flows", 201, name="Łódź")
        for path, part, name in [
            ("/flows", "VIP CALLS", "VIP calls"),
            ("/flows", "łÓdŹ", "Łódź"),
            ("/numbers", "+1500555", "support-line"),
            ("/numbers", "Line", "support-line"),
            ("/connections", "chat", "web-chat"),
            ("/queues", "gold", "gold"),
            ("/tokens", "test", "tests"),
        ]:
            assert [one["name"] for one in client.get(f"{path}?search={quote(part)}")["items"]] == [name], (path, part)
        for path in ("/segments", "/people", "/credentials", "/constants", "/calendars", "/flows"):
            assert client.get(f"{path}?search=%25%5F")["items"] == [], "what is searched for is no pattern"
        assert [one["name"] for one in client.get("/numbers?connection=web-chat")["items"]] == ["web-chat"]
        for used, names in [
            ("number/web-chat", ["VIP messages"]),
            ("constant/customer_api", ["VIP calls", "VIP messages"]),
            ("constant/customer", []),
            ("queue/standard", ["VIP calls", "VIP messages"]),
        ]:
            assert [one["name"] for one in client.get(f"/flows?uses={used}")["items"]] == names, used
        assert client.get("/flows?uses=shoe/42", 422)["code"] == "bad_query"


def test_who_has_a_draft_open_sees_who_else_does_and_where(settings: Settings) -> None:
    with api(settings) as client:
        with client.installation.house.database.transaction() as session:
            ada = {"Authorization": f"Bearer {create_token(session, 'ada', 'tests')}"}
        path = "/flows/VIP calls/presence"
        assert client.post(path)["others"] == []
        assert client.post(path, step="tier")["others"] == []
        (other,) = client.post(path, headers=ada)["others"]
        assert (other["who"], other["name"], other["step"]) == ("tests", "tests", "tier")
        assert client.post("/flows/VIP messages/presence", headers=ada)["others"] == []
        client.installation.write("UPDATE presences SET seen_at = seen_at - 31000000")
        assert client.post(path)["others"] == []


def test_the_api_describes_every_door_it_has(settings: Settings) -> None:
    with api(settings) as client:
        described = client.get("/openapi.json")
        routes = {
            (rule.rule.removeprefix("/api/v1"), method.lower())
            for rule in client.client.application.url_map.iter_rules()
            if rule.rule.startswith("/api/v1/")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
        assert sum(len(operations) for operations in described["paths"].values()) == len(routes)
        for path, operations in described["paths"].items():
            for operation in operations.values():
                assert operation["summary"].endswith("."), path
                assert {one["name"] for one in operation["parameters"] if one["in"] == "path"} == {
                    part.split("}")[0] for part in path.split("{")[1:]
                }
        names = [one["operationId"] for operations in described["paths"].values() for one in operations.values()]
        assert len(names) == len(set(names))
