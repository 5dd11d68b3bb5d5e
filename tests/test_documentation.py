"""The pages say what is so: their code runs, their tables are those of the code, their links and commands exist."""

import json
import re
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.channels.contract import ConnectionInfo
from app.channels.twilio import Twilio
from app.config import SettingError, Settings
from docs import tables
from flows.check import InstallationNames, check
from flows.document import read
from flows.expression import ExpressionError, Template
from flows.limits import Limits
from flows.registry import Registry
from flows.values import Value
from tests.pages import PAGES, ROOT, blocks, code, rows

FLOW_PAGE = ROOT / "docs" / "flows.md"
OPERATING_PAGE = ROOT / "docs" / "operating.md"


# Tables, links, paths and commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.up_to_date(text) == text, "Run `.venv/bin/python -m docs.tables` and read the diff."


def test_every_table_of_the_code_stands_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in tables.TABLES if f"<!-- table: {name} -->" not in text] == []


def test_the_page_of_flows_names_every_key_of_the_format() -> None:
    schema = json.loads((ROOT / "flows" / "flow.schema.json").read_text(encoding="utf-8"))
    parts = schema["$defs"]
    assert {code(row[0]) for row in rows(FLOW_PAGE, "The document:")} == set(schema["properties"])
    needed = {code(row[0]) for row in rows(FLOW_PAGE, "The document:") if row[2] == "refused"}
    assert needed == set(schema["required"])
    assert {code(row[0]) for row in rows(FLOW_PAGE, "A step (under")} == set(parts["step"]["properties"])
    for row in rows(FLOW_PAGE, "The rest:"):
        part = parts[{"variables.<name>": "variable"}.get(code(row[0]), code(row[0]).removesuffix("s"))]
        known = {*part["properties"], *part["properties"].get("turns", {}).get("items", {}).get("properties", {})}
        assert set(re.findall(r"`(\w+)`", row[1])) == known


VALUES: dict[str, Value] = {
    "name": "Anna",
    "orders": Decimal(2),
    "tags": ["gold", "new"],
    "order": {"total": Decimal("12.50"), "items": ["a", "b"]},
}


def test_the_expressions_of_the_page_give_what_it_says() -> None:
    told = rows(FLOW_PAGE, "| expression | result")
    assert len(told) > 10
    for row in told:
        assert Template.compile(code(row[0])).render(VALUES).text == code(row[1]), row[0]


def test_the_expressions_that_the_page_calls_refused_are_refused() -> None:
    for row in rows(FLOW_PAGE, "These are refused when the flow is checked"):
        with pytest.raises(ExpressionError):
            Template.compile(code(row[0]))
    for row in rows(FLOW_PAGE, "These are refused when they are worked out"):
        template = Template.compile(code(row[0]))
        with pytest.raises(ExpressionError):
            template.render(VALUES)


def test_the_flow_of_the_page_has_nothing_to_mend() -> None:
    flow = read(blocks(FLOW_PAGE, "json")[0])
    calls = frozenset({"calls"})
    names = InstallationNames(queues=frozenset({"standard"}), numbers={"support-line": calls})
    assert check(flow, Registry.discover(["steps"]), names) == []


class Read(dict[str, str]):
    """An environment that notes which settings are read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        """Nothing is set."""
        self.names.append(name)
        return default


def test_the_page_of_operating_has_every_setting_with_its_default() -> None:
    environment = Read()
    settings = Settings.from_environment(environment)
    told = {code(row[0]): row for row in rows(OPERATING_PAGE, "## Settings")}
    assert set(told) == set(environment.names)
    found = {name: getattr(settings, {"PATCHBAY_DATA": "data_folder"}.get(name, name.lower())) for name in told}
    for name, row in told.items():
        if row[3].startswith("empty"):
            assert not found[name] or found[name] == Limits(), name
        elif isinstance(found[name], Path):
            assert found[name].name == code(row[3]), name
        else:
            assert str(found[name]) == code(row[3]), name


def test_the_bounds_of_the_settings_on_the_page_are_those_of_the_code() -> None:
    bounded = [(code(row[0]), row[2]) for row in rows(OPERATING_PAGE, "## Settings") if " to " in row[2]]
    assert len(bounded) >= 8
    for name, form in bounded:
        least, most = map(int, re.findall(r"\d+", form))
        for value in (least, most):
            assert getattr(Settings.from_environment({name: str(value)}), name.lower()) == value
        for value in (least - 1, most + 1):
            with pytest.raises(SettingError, match=name):
                Settings.from_environment({name: str(value)})


def test_the_addresses_to_enter_at_twilio_are_those_of_the_channel() -> None:
    account = ConnectionInfo(1, "acme-twilio", "twilio", {}, {}, "")
    told = {code(row[0]): code(row[2]) for row in rows(OPERATING_PAGE, "settings of the telephone number:")}
    assert told == dict(Twilio().webhook_addresses(account))


def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"(?:\]\(|src(?:set)?=\")([^)\s\"]+)", page.read_text(encoding="utf-8")):
        address, _, anchor = link.partition("#")
        if not address.startswith(("http://", "https://")):
            target = (page.parent / address).resolve() if address else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_paths_a_page_names_exist(page: Path) -> None:
    folders = "app|flows|steps|static|migrations|examples|benchmarks|docs|tests|.ci"
    for path in re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_a_page_names_exist(page: Path) -> None:
    reader = cli._reader()
    shown = [*blocks(page, "sh"), *blocks(page, "bash")]
    lines = [line for block in shown for line in re.findall(r"bin/patchbay ([a-z][^)\n]*)", block)]
    for line in [*lines, *re.findall(r"`patchbay ([^`]+)`", page.read_text(encoding="utf-8"))]:
        reader.parse_args(shlex.split(line, comments=True))
    for block in shown:
        for target in re.findall(r"^make ([a-z]+)", block, re.MULTILINE):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target
