"""Contacts in and out as CSV: planned, then whole or not at all; formulas, encodings, many rows, two at once."""

import csv
import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.contacts import csv_text, import_plan
from app.contacts.csv_text import MOST_ROWS, cell_text, safe_cell
from app.contacts.merging import merge
from app.contacts.reading import Read, read_file
from tests.app.api_client import Api, api


@pytest.fixture
def asked(settings: Settings) -> Iterator[Api]:
    with api(settings) as made:
        made.post("/segments", 201, name="vip")
        made.post("/segments", 201, name="new")
        yield made


def send(asked: Api, door: str, content: str | bytes, expect: int = 200) -> dict[str, Any]:
    data = content.encode() if isinstance(content, str) else content
    return asked.ask("POST", f"/contacts/{door}", expect, data=data, content_type="text/csv")


def plan(asked: Api, content: str | bytes, expect: int = 200) -> dict[str, Any]:
    return send(asked, "import/plan", content, expect)


def export(asked: Api, query: str = "") -> str:
    answer = asked.client.get(f"/api/v1/contacts/export{query}", headers=asked.installation.headers)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return answer.get_data(as_text=True)


FILE = """name,phone,email,consent,segments,attributes.city
Anna,+48600100200,,yes,vip;new,Łódź
Bob,,bob@example.com,no,,
Cid,+48600100201,cid@example.com,,,
"""


def test_a_plan_tells_what_an_import_then_does(asked: Api) -> None:
    counts = {"new": 3, "changed": 0, "unchanged": 0, "refused": 0}
    planned = plan(asked, FILE)
    assert {name: planned[name] for name in counts} == counts
    assert asked.get("/contacts")["items"] == []
    done = send(asked, "import", FILE)
    assert {name: done[name] for name in counts} == counts
    anna, bob, _ = asked.get("/contacts")["items"]
    assert (anna["name"], anna["segments"], anna["attributes"]) == ("Anna", ["new", "vip"], {"city": "Łódź"})
    assert (anna["consent"]["state"], anna["consent"]["source"]) == ("given", "import by tests")
    assert (bob["consent"]["state"], bob["addresses"][0]["value"]) == ("withdrawn", "bob@example.com")
    again = send(asked, "import", FILE)
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 3)
    other = FILE.replace("Anna,", "Anna Nowak,").replace("Bob,,bob@example.com", "Bob,+48600100209,bob@example.com")
    planned = plan(asked, other)
    assert [(one["line"], one["fields"]) for one in planned["changed_lines"]] == [(2, ["name"]), (3, ["phone"])]
    send(asked, "import", other)
    anna, bob, _ = asked.get("/contacts")["items"]
    assert (anna["name"], [one["value"] for one in bob["addresses"]]) == (
        "Anna Nowak",
        ["bob@example.com", "+48600100209"],
    )
    did = asked.installation.rows("SELECT what FROM audit WHERE did = 'import_contacts' ORDER BY id")
    assert did[0] == ("3 new, 0 changed, 0 unchanged",)


def test_whoever_writes_to_the_database_need_not_wait_while_a_file_is_read(
    asked: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(content: bytes) -> Read:
        asked.installation.write("UPDATE clock SET offset_microseconds = offset_microseconds")
        return read_file(content)

    monkeypatch.setattr("app.web.api.contact_files.read_file", reading)
    assert (plan(asked, FILE)["new"], send(asked, "import", FILE)["new"]) == (3, 3)


def test_a_name_of_two_lines_is_kept_in_one(asked: Api) -> None:
    send(asked, "import", 'phone,name\n+48600100200,"Anna\r\nNowak"\n')
    assert [one["name"] for one in asked.get("/contacts")["items"]] == ["Anna Nowak"]
    for field in ("name", "account_manager"):
        refused = asked.post("/contacts", 422, **{"phone": "+48600100201", field: "A\nB"})
        assert "one line" in refused["error"]


def test_an_empty_cell_leaves_what_is_there(asked: Api) -> None:
    send(asked, "import", FILE)
    send(asked, "import", "phone,name,attributes.city,segments\n+48600100200,,,\n")
    assert asked.get("/contacts")["items"][0]["attributes"] == {"city": "Łódź"}


LINES = [
    ("name,phone\nAnna,call me\n", 2, "call me"),
    ("name,phone\nAnna,\n", 2, "neither"),
    ("name,phone\nAnna\n", 2, "1 cells"),
    ("name,phone\nAnna,+48600100200\nBob,+48600100200\n", 3, "line 2"),
    ("name,email\nAnna,anna at home\n", 2, "e-mail"),
    ("phone,consent\n+48600100200,perhaps\n", 2, "perhaps"),
    ("phone,segments\n+48600100200,nobody\n", 2, "nobody"),
    ("phone,zone\n+48600100200,Warsaw\n", 2, "Warsaw"),
    ("phone,name\n+48600100200,=HYPERLINK(1)\n", 2, "formula"),
    ("phone,name\n+48600100200,@SUM(1)\n", 2, "formula"),
    ("phone,name\n+48600100200,-1+cmd\n", 2, "formula"),
    ("phone,name\n+48600100200,+1+cmd\n", 2, "formula"),
    (f"phone,name\n+48600100200,{'x' * 201}\n", 2, "200"),
    ("phone,attributes.Bad Name\n+48600100200,x\n", 2, "Bad Name"),
]


def test_a_line_that_does_not_fit_is_refused_with_its_number_and_nothing_is_imported(asked: Api) -> None:
    for content, line, words in LINES:
        (refused,) = plan(asked, content)["refused_lines"]
        assert refused["line"] == line, content
        assert words in refused["sentence"], content
        told = send(asked, "import", content, 422)
        assert told["code"] == "lines_refused"
        assert told["details"]["refused"] == [refused]
    assert asked.get("/contacts")["items"] == []


def test_no_file_gives_a_consent_again_that_was_taken_back(asked: Api) -> None:
    send(asked, "import", FILE)
    (refused,) = plan(asked, "email,consent\nbob@example.com,yes\n")["refused_lines"]
    assert (refused["line"], "has taken their consent back" in refused["sentence"]) == (2, True)
    assert plan(asked, "email,consent\nbob@example.com,no\n")["unchanged"] == 1


def _withdraws(session: Session) -> None:
    session.execute(text("UPDATE contacts SET consent = 'withdrawn', consent_source = 'herself' WHERE name = 'Cid'"))


def _moves(session: Session) -> None:
    session.execute(text("""UPDATE contacts SET attributes = '{"city":"Gdynia"}' WHERE name = 'Cid'"""))


def _is_merged(session: Session) -> None:
    ids = {row.name: row.id for row in session.execute(text("SELECT name, id FROM contacts"))}
    merge(session, ids["Bob"], ids["Cid"])


BETWEEN = [
    (_withdraws, 422, "lines_refused", []),
    (_moves, 200, None, ['{"city":"Gdynia","floor":"2"}']),
    (_is_merged, 409, "contacts_changed", []),
]


@pytest.mark.parametrize(("change", "status", "code", "given"), BETWEEN)
def test_what_is_changed_between_the_plan_of_an_import_and_its_locks_is_not_overwritten(
    asked: Api, monkeypatch: pytest.MonkeyPatch, change: Any, status: int, code: str | None, given: list[str]
) -> None:
    def planned(session: Session, read: Read) -> import_plan.Plan:
        made = import_plan.plan(session, read)
        if session.get_bind().dialect.name == "postgresql":
            with asked.installation.house.database.transaction() as other:
                change(other)
        else:  # where nobody else comes in between
            change(session)
        return made

    send(asked, "import", FILE)
    monkeypatch.setattr("app.contacts.importing.plan", planned)
    told = send(asked, "import", "phone,consent,attributes.floor\n+48600100201,yes,2\n", status)
    assert told.get("code") == code
    kept = "SELECT attributes FROM contacts WHERE name = 'Cid' AND consent = 'given'"
    assert [one for (one,) in asked.installation.rows(kept)] == given


def test_a_line_that_names_two_contacts_is_refused(asked: Api) -> None:
    send(asked, "import", FILE)
    (refused,) = plan(asked, "phone,email\n+48600100200,bob@example.com\n")["refused_lines"]
    assert "merge" in refused["sentence"]
    (refused,) = plan(asked, "phone,email\n+48600100201,\n,cid@example.com\n")["refused_lines"]
    assert (refused["line"], "line 2" in refused["sentence"]) == (3, True)


WHOLE: list[tuple[bytes, str, str]] = [
    (b"", "empty", "empty"),
    (b"  \n", "empty", "empty"),
    ("name,phone\nŁukasz,1\n".encode("cp1250"), "bad_encoding", "Line 2"),
    (FILE.encode("utf-16"), "bad_encoding", "UTF-16"),
    (b"name,telephone\nAnna,1\n", "bad_header", "telephone"),
    (b"name,name,phone\nAnna,B,1\n", "bad_header", "twice"),
    (b"name,language\nAnna,pl\n", "bad_header", "phone or email"),
    (b'name,phone\n"Anna,1\n', "not_csv", "Line"),
    (b"phone,name\n1," + b"x" * 65_537 + b"\n", "not_csv", "Line 2 has a cell of more than 65,536 characters"),
    (b"phone\n" + b"+48600100200\n" * 1_001, "too_many_rows", "1,000"),
    (b"\x00\x01\x02PNG", "bad_header", "column"),
]


def test_a_file_that_cannot_be_read_is_refused_as_a_whole(asked: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "MOST_ROWS", 1_000)
    for content, code, words in WHOLE:
        for door in ("import/plan", "import"):
            told = send(asked, door, content, 422)
            assert (told["code"], words in told["error"]) == (code, True), (content[:40], told)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_files_as_spreadsheets_write_them_are_read(asked: Api, separator: str) -> None:
    content = "\ufeff" + FILE.replace("vip;new", "vip").replace(",", separator).replace("\n", "\r\n")
    assert send(asked, "import", content)["new"] == 3


CELLS = ["=1+1", "+48600100200", "-1", "@x", "\tx", "'quoted", "plain", "", "Jan;=1+1", "a;'b", "a\n=1\r\n@b"]


@pytest.mark.parametrize("text", CELLS)
def test_no_exported_cell_is_a_formula_and_each_comes_back_as_it_was(text: str) -> None:
    cell = safe_cell(text)
    for part in re.split(r"[;\r\n]", cell):  # a spreadsheet in Poland begins a cell at each ;
        assert not part.startswith(("=", "+", "-", "@", "\t"))
    assert cell_text(cell) == text


def test_what_is_exported_imports_into_the_same_contacts(asked: Api) -> None:
    asked.post(
        "/contacts", 201, name="=cmd|' /C calc'!A0", phone="+48600100200", attributes={"city": "@SUM(1)", "n": 2}
    )
    send(asked, "import", "phone,email,consent,segments\n,bob@example.com,yes,vip\n")
    told = export(asked)
    rows = list(csv.DictReader(io.StringIO(told)))
    assert rows[0]["name"].startswith("'=cmd")
    assert rows[0]["phone"] == "'+48600100200"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    planned = plan(asked, told)
    assert (planned["new"], planned["refused"]) == (0, 0)
    assert [row["email"] for row in csv.DictReader(io.StringIO(export(asked, "?segment=vip")))] == ["bob@example.com"]
    did = asked.installation.rows("SELECT what FROM audit WHERE did = 'export_contacts' ORDER BY id")
    assert did == [("all",), ("vip",)]


def test_two_imports_at_once_end_as_if_one_came_after_the_other(asked: Api) -> None:
    content = "phone,name\n" + "".join(f"+48600{n:06},c{n}\n" for n in range(500))
    codes: list[int] = []

    def send_it() -> None:
        client = asked.client.application.test_client(use_cookies=False)
        answer = client.post("/api/v1/contacts/import", headers=asked.installation.headers, data=content,
                             content_type="text/csv")  # fmt: skip
        codes.append(answer.status_code)

    threads = [threading.Thread(target=send_it) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 200 in codes
    assert set(codes) <= {200, 409}
    assert asked.installation.rows("SELECT count(*) FROM contacts") == [(500,)]


def test_a_hundred_thousand_contacts_are_imported_as_a_whole(
    sqlite_url: str, redis_url: str, data_folder: Path
) -> None:
    assert MOST_ROWS == 100_000
    settings = Settings.from_environment(
        {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "PATCHBAY_DATA": str(data_folder)}
    )
    with api(settings) as asked:
        content = "phone,name,consent\n" + "".join(f"+48600{n:06},c{n},yes\n" for n in range(MOST_ROWS))
        assert send(asked, "import", content)["new"] == MOST_ROWS
        assert asked.installation.rows("SELECT count(*) FROM addresses") == [(MOST_ROWS,)]
