"""The pages for developers: what they write out works as it stands there, from the first command to the last."""

import hashlib
import hmac
import importlib
import io
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app import cli, step_host
from app.channels import registry as channel_registry
from app.channels.arrival import Arrival, Report
from app.channels.contract import ConnectionInfo, OutgoingMessage, SendFailed, Sent, Unreadable, Unsigned, Webhook
from app.contract import faults_of
from app.contract.purity import worldly_code
from app.outgoing import ConnectionLost, OutgoingAnswer, OutgoingRequest
from flows.ask import HttpAnswer, HttpRequest
from flows.check import InstallationNames, check
from flows.document import read
from flows.effect import SendMessage
from flows.event import Answered, Event, Happening, MessageReceived
from flows.failing import ENGINE_ERRORS
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.registry import Registry, installed, loaded
from flows.run import Run, Turn
from flows.step import Step
from flows.wire import read as read_wire
from flows.wire import write
from tests.pages import PAGES, ROOT, blocks, code, rows
from tests.steps import visits

STEP_PAGE = ROOT / "docs" / "writing-a-step.md"
REFERENCE_PAGE = ROOT / "docs" / "step-reference.md"
CHANNEL_PAGE = ROOT / "docs" / "writing-a-channel.md"
PLUGIN_PAGES = (STEP_PAGE, REFERENCE_PAGE, CHANNEL_PAGE)
STEP_TYPES = ("ask_rating", "check_stock", "days_until")
PACKAGE = "acme_patchbay"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin of the pages: its modules on the path, its entry points as an installed distribution has them."""
    folder = tmp_path_factory.mktemp("site")
    package, information = folder / PACKAGE, folder / "acme_patchbay-1.0.0.dist-info"
    package.mkdir()
    information.mkdir()
    (package / "__init__.py").touch()
    for block in [block for page in PLUGIN_PAGES for block in blocks(page, "python")]:
        name = block.splitlines()[0].removeprefix("# ")
        (package / name).write_text(block, encoding="utf-8")
    project = tomllib.loads(blocks(REFERENCE_PAGE, "toml")[0])["project"]
    groups = [[f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
              for group, points in project["entry-points"].items()]  # fmt: skip
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0.0\n")
    (information / "entry_points.txt").write_text("\n".join(line for group in groups for line in group) + "\n")
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        channel_registry.channels.cache_clear()
        yield package
    channel_registry.channels.cache_clear()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == PACKAGE:
            del sys.modules[name]


@pytest.fixture(scope="module")
def steps(plugin: Path) -> Registry:
    """The built-in steps and the page's."""
    return Registry.discover(["steps"], map(loaded, installed()))


def step_of(steps: Registry, kind: str) -> Step:
    """One of the page's steps."""
    found = steps.get(kind)
    assert found is not None
    return found


def test_the_pages_steps_are_found_as_plugins(steps: Registry) -> None:
    assert [kind for kind in steps.types() if kind in STEP_TYPES] == list(STEP_TYPES)
    assert all(steps.is_plugin(kind) for kind in STEP_TYPES)


def test_a_file_in_a_folder_of_steps_is_found_without_being_listed(plugin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "acme_steps"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for kind in STEP_TYPES:
        (folder / f"{kind}.py").write_text((plugin / f"{kind}.py").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert Registry.discover([folder.name]).types() == STEP_TYPES
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


@pytest.mark.parametrize("kind", STEP_TYPES)
def test_a_step_of_the_page_keeps_the_whole_contract(kind: str, steps: Registry) -> None:
    assert list(faults_of(step_of(steps, kind), steps)) == []


def test_who_follows_the_page_has_a_working_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(line: str) -> list[str]:
        cli.main(shlex.split(line))
        return capsys.readouterr().out.splitlines()

    # Other tests have the steps of the pages installed, this one too.
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not Path(entry, PACKAGE).exists()])
    monkeypatch.chdir(tmp_path)
    new, install, check_it = re.findall(r"bin/(.*)", blocks(STEP_PAGE, "sh")[0])
    say(new.removeprefix("patchbay "))
    project = tmp_path / install.removeprefix("pip install -e ")
    shown = re.findall(r"^ +([\w./]+)", blocks(STEP_PAGE, "text")[0], re.MULTILINE)
    assert {name.rstrip("/") for name in shown} == {path.name for path in project.rglob("*")}
    install_editable(project, monkeypatch)
    command = check_it.removeprefix("patchbay ")
    assert say(command) == ["days_until: all is well"]
    step = project / "patchbay_days_until" / "days_until.py"
    text = blocks(STEP_PAGE, "python")[0]
    step.write_text(text.replace('leaves_by="passed"', 'leaves_by="past"'), encoding="utf-8")
    assert say(command) == blocks(STEP_PAGE, "text")[1].splitlines()
    step.write_text(text, encoding="utf-8")
    assert say(command) == ["days_until: all is well"]
    (tmp_path / "delivery.json").write_text(blocks(STEP_PAGE, "json")[0], encoding="utf-8")
    check_line, play_line = re.findall(r"bin/patchbay (.*)", blocks(STEP_PAGE, "sh")[2])
    assert [line for line in say(check_line) if line.startswith(("blocking", "warning"))] == []
    monkeypatch.setattr(sys, "stdin", io.StringIO("delivery\n/quit\n"))
    assert any(re.search(r"Your parcel comes in \d+ days\.", line) for line in say(play_line))
    step_host._host(tuple(installed())).close()
    step_host._host.cache_clear()
    channel_registry.channels.cache_clear()


def install_editable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip would: the project on the path, and its entry points told."""
    told = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    information = project / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    information.mkdir()
    points = "".join(f"{key} = {value}\n" for key, value in told["entry-points"]["patchbay.steps"].items())
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    (information / "entry_points.txt").write_text(f"[patchbay.steps]\n{points}")
    monkeypatch.setattr(sys, "path", [str(project), *sys.path])


def test_the_page_names_every_way_in_which_a_plugin_fails() -> None:
    told = {code(row[1]) for row in rows(STEP_PAGE, "## What it may cost")}
    assert {kind for kind in ENGINE_ERRORS if kind.startswith("plugin_")} < told
    assert told <= set(ENGINE_ERRORS)


def test_no_step_of_the_page_asks_the_world(plugin: Path) -> None:
    assert [found for kind in STEP_TYPES for found in worldly_code(plugin / f"{kind}.py")] == []


def test_the_flow_of_the_page_is_played_to_its_end(steps: Registry) -> None:
    flow = read(blocks(REFERENCE_PAGE, "json")[0])
    names = InstallationNames(numbers={"web-chat": frozenset({"messages"})})
    assert [finding for finding in check(flow, steps, names) if finding.severity == "blocking"] == []

    def event(happened: Happening) -> Event:
        return Event(happened, visits.NOW, visits.NOW, visits.facts_of(), "e")

    def take(run: Run, happened: Happening) -> Turn:
        return advance({"v1": flow}, read_wire(Run, write(run)), event(happened), Limits(), steps)

    written = MessageReceived("arm chair")
    asked = take(begin("v1", flow, "message", event(written), "r1"), written)
    assert isinstance(asked.ask, HttpRequest)
    assert asked.ask.url == "https://shop.example.com/stock/arm%20chair"
    question = take(asked.run, Answered(0, HttpAnswer(200, body='{"left": 3}')))
    assert question.effects == (SendMessage("3 left. How do you like our shop, 1 to 5?", language="en"),)
    thanks = take(question.run, MessageReceived("5"))
    assert thanks.effects == (SendMessage("Thank you for 5 stars. 33 days until Christmas.", language="en"),)
    assert (thanks.run.status, thanks.run.outcome) == ("ended", "completed")


class Provider:
    """Answers what was prepared, and keeps what it was asked."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[OutgoingRequest] = []

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """The prepared answer."""
        self.asked.append(request)
        return OutgoingAnswer(self.status, {}, b'{"id": "A1"}', 0.0, request.url)


SECRETS = {"api_key": "key", "webhook_secret": "hush"}
HELLO = {"id": "M1", "from": "+48500100100", "to": "+48221234567", "text": "Hello"}
FAILED = {"id": "M2", "status": "failed", "reference": "7"}


def connection(secrets: Mapping[str, str]) -> ConnectionInfo:
    """A connection of the page's channel."""
    return ConnectionInfo(1, "acme", "acme_sms", {}, secrets, "https://phone.example.com")


def webhook(path: str, told: Any, signature: str | None = None) -> Webhook:
    """A webhook, signed rightly unless a signature is given."""
    body = json.dumps(told).encode()
    right = hmac.new(SECRETS["webhook_secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-acme-signature": right if signature is None else signature}
    return Webhook(path, f"https://phone.example.com/hooks/acme/{path}", (), (), headers, body)


def test_the_channel_of_the_page_believes_only_what_is_signed(plugin: Path) -> None:
    channel = channel_registry.channel_of("acme_sms")
    channel.verify(connection(SECRETS), webhook("messages", HELLO))
    for secrets, signature in ((SECRETS, "wrong"), (SECRETS, ""), (SECRETS, "é"), ({}, None)):
        with pytest.raises(Unsigned):
            channel.verify(connection(secrets), webhook("messages", HELLO, signature))


def test_the_channel_of_the_page_reads_messages_and_reports(plugin: Path) -> None:
    channel = channel_registry.channel_of("acme_sms")
    arrived = Arrival("M1", MessageReceived("Hello"), address="+48500100100", number="+48221234567")
    assert channel.parse(connection(SECRETS), webhook("messages", HELLO)) == [arrived]
    report = channel.parse(connection(SECRETS), webhook("status", FAILED))[0]
    assert isinstance(report, Report)
    assert (report.provider_id, report.effect_id, report.kind) == ("M2:failed", 7, "message_status")
    unreadable: list[Any] = [{}, [], {**FAILED, "status": "eaten"}, {**FAILED, "reference": float("inf")}]
    for told in unreadable:
        with pytest.raises(Unreadable):
            channel.parse(connection(SECRETS), webhook("status", told))
    addresses = channel.webhook_addresses(connection(SECRETS))
    assert addresses["messages"] == "https://phone.example.com/hooks/acme/messages"


def test_the_channel_of_the_page_sends_and_says_what_it_knows_afterwards(plugin: Path) -> None:
    channel = channel_registry.channel_of("acme_sms")
    outgoing = OutgoingMessage("r1/0/0", 7, "+48221234567", "+48500100100", SendMessage("Hello"))
    provider = Provider(200)
    assert channel.send(connection(SECRETS), outgoing, provider) == Sent("A1")
    assert provider.asked[0].headers["Idempotency-Key"] == "r1/0/0"
    assert provider.asked[0].secret_headers == {"Authorization": "Bearer key"}
    for status, final in ((400, True), (429, False)):
        with pytest.raises(SendFailed) as refused:
            channel.send(connection(SECRETS), outgoing, Provider(status))
        assert refused.value.final is final
    with pytest.raises(ConnectionLost) as lost:
        channel.send(connection(SECRETS), outgoing, Provider(502))
    assert lost.value.may_have_arrived


def test_every_block_of_python_on_a_page_is_run_by_a_test(plugin: Path) -> None:
    run_elsewhere = {"web-chat.md": ROOT / "tests" / "app" / "test_web_chat_documentation.py"}
    for page in PAGES:
        if page.name in run_elsewhere:
            assert page.name in run_elsewhere[page.name].read_text(encoding="utf-8")
        else:
            assert page in PLUGIN_PAGES or blocks(page, "python") == [], page.name
    written = {path.stem for path in plugin.glob("*.py")} - {"__init__"}
    assert written == {*STEP_TYPES, "acme_sms"}
    for name in written:
        importlib.import_module(f"{PACKAGE}.{name}")
