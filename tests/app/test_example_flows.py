"""The example flows in an installation of their own: docs/examples.md says what each is made of and what it lacks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app import publishing
from app.cli import main
from app.config import Settings
from app.db import now
from app.models import CalendarRow, Connection, Constant, CredentialRow, Number, Queue, Segment
from app.seeding import EXAMPLES, PUBLISHED
from flows import document
from flows.check import Finding
from flows.values import canonical_json
from tests.app.calendars import weekly
from tests.app.seeded import Seeded, seeded

PAGE = Path(__file__).resolve().parents[2] / "docs" / "examples.md"
_ROW = re.compile(r"^\| \[(.+?)\]\(\.\./examples/flows/(\w+)\.json\) \| .+? \| (.+?) \| (.+?) \|$", re.MULTILINE)
SHARED = "find_customer"


class Row(NamedTuple):
    """What the page says of one example."""

    name: str
    steps: list[str]
    lacks: list[str]  # kinds.name


ROWS = {
    file: Row(name, re.findall("`(.+?)`", steps), re.findall("`(.+?)`", lacks))
    for name, file, steps, lacks in _ROW.findall(PAGE.read_text(encoding="utf-8"))
}


def path(file: str) -> str:
    return str(EXAMPLES / f"{file}.json")


def read(file: str) -> document.Flow:
    return document.read((EXAMPLES / f"{file}.json").read_bytes())


@pytest.fixture
def house(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seeded]:
    """A fresh installation, which the commands of this process find."""
    for name in ("DATABASE_URL", "REDIS_URL", "PATCHBAY_DATA"):
        monkeypatch.setenv(name, settings.environment[name])
    with seeded(settings) as made:
        yield made


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main(["flows", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out.splitlines()


def blocking(house: Seeded, file: str) -> list[Finding]:
    """What keeps an example from being published here."""
    flow = read(file)
    with house.house.database.reading() as session:
        found = publishing.findings(session, house.house, publishing.flow_id_of(session, flow.name), flow)
    return [finding for finding in found if finding.severity == "blocking"]


def named_as_the_page_says(house: Seeded) -> None:
    """Everything that some example lacks, but for flows."""
    lacking = {tuple(one.split(".", 1)) for row in ROWS.values() for one in row.lacks}
    with house.house.database.transaction() as session:
        at = now(session)
        line = session.query(Connection).filter_by(name="simulated").one()
        for order, (kind, name) in enumerate(sorted(lacking)):
            match kind:
                case "numbers":
                    both = {"answers_calls": True, "answers_messages": True}
                    value = f"+150055501{order:02}"
                    session.add(Number(name=name, connection_id=line.id, value=value, created_at=at, **both))
                case "queues":
                    session.add(Queue(name=name, title=name, created_at=at))
                case "constants":
                    session.add(Constant(name=name, value=canonical_json(""), changed_at=at))
                case "segments":
                    session.add(Segment(name=name, created_at=at))
                case "connections":
                    session.add(Connection(name=name, kind="webhook", created_at=at))
                case "calendars":
                    timetable = canonical_json({"zone": "Europe/Warsaw", "weekly": weekly("09:00-17:00")})
                    session.add(CalendarRow(name=name, title=name, definition=timetable, created_at=at))
                case "credentials":
                    row = CredentialRow(name=name, kind="smtp", origins="[]", sealed=b"", created_at=at, changed_at=at)
                    session.add(row)


def test_the_page_tells_of_every_example_its_name_and_its_steps() -> None:
    assert sorted(ROWS) == sorted(file.stem for file in EXAMPLES.glob("*.json"))
    for file, row in ROWS.items():
        flow = read(file)
        assert (flow.name, {step.type for step in flow.steps.values()}) == (row.name, set(row.steps)), file
        assert len(row.steps) == len(set(row.steps)), file


def test_an_import_into_a_fresh_installation_says_what_must_be_named(
    house: Seeded, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, row in ROWS.items():
        code, lines = said(capsys, "import", path(file), "--plan")
        first = f"flow “{row.name}” " + ("is here already as revision 1" if file in PUBLISHED else "is new")
        missing = [re.match(r"(\w+) “(.+?)”: There is no ", line) for line in lines]
        assert sorted(f"{one[1]}s.{one[2]}" for one in missing if one) == sorted(row.lacks), file
        assert (lines[0], code) == (first, 1 if row.lacks else 0), file
        assert {finding.code for finding in blocking(house, file)} <= {"missing_reference"}, file
        assert bool(blocking(house, file)) is bool(row.lacks), file


def test_an_example_is_ready_once_what_it_lacks_is_named(house: Seeded, capsys: pytest.CaptureFixture[str]) -> None:
    named_as_the_page_says(house)
    for file in [SHARED, *(one for one in ROWS if one != SHARED)]:
        assert blocking(house, file) == [] or "flows." in "".join(ROWS[file].lacks), file
        code, lines = said(capsys, "import", path(file))
        assert (code, len([line for line in lines if "There is no " in line])) == (0, 0), file
        if file not in PUBLISHED:
            with house.house.database.transaction() as session:
                row = publishing.find_flow(session, ROWS[file].name, locked=True)
                version = publishing.publish(session, house.house, row, 1, publishing.Order("ada", "An example"))
            assert version is not None
        assert blocking(house, file) == [], file
        told = said(capsys, "test", path(file), "--with", path(SHARED))
        assert told[0] == 0, told[1]
