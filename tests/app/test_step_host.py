"""The step host: whatever a stranger's step does, its own run fails with a sentence, and the next call is served."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.publishing import ask_ahead
from app.step_host import Bounds, StepHost, kinds_of, open_host
from app.step_host.questions import read_answer
from flows import document
from flows.ask import HttpAnswer, HttpRequest
from flows.check import InstallationNames, check
from flows.context import Context
from flows.document import Flow, PlacedStep
from flows.effect import SendMessage
from flows.errors import FlowError
from flows.event import Answered, Event, Happening, MessageReceived
from flows.facts import Facts
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.outcomes import Refused
from flows.registry import Registry
from flows.run import Run, Turn
from flows.step import Claim, Exit, Step, Trigger
from flows.wire import read, write
from steps.end import EndStep
from steps.incoming_message import IncomingMessageTrigger
from tests.plugins import ALL, points_in, source, write_plugin

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECONDS = 1.0
BUILT_IN = (IncomingMessageTrigger, EndStep)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A plugin of all strange steps, on the path."""
    place = tmp_path_factory.mktemp("plugins")
    write_plugin(place, {type_: source(type_) for type_ in ALL})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place)
        yield place


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[StepHost]:
    """A host of that plugin, with less patience."""
    with open_host(points_in(folder), Bounds(SECONDS)) as opened:
        yield opened


@pytest.fixture
def steps(host: StepHost) -> Registry:
    """The plugin's steps, none of which is left alone yet."""
    return Registry(BUILT_IN, kinds_of(host))


def event(happened: Happening) -> Event:
    """It happens now."""
    return Event(happened, NOW, NOW, Facts(conversation={"kind": "messages"}), "e")


def flow_with(type_: str, config: Mapping[str, Any] | None = None, format_: int = 1) -> Flow:
    """One step behind a message, every exit of it at the end."""
    ways = dict.fromkeys(("next", "timed_out", "failure"), "end")
    placed = PlacedStep("it", type_, config or {}, ways, name="My step", format=format_)
    start = PlacedStep("start", "incoming_message", {"numbers": ["line"]}, {"next": "it"})
    return Flow("test", {"start": start, "it": placed}, languages=("en",))


def visit(steps: Registry, flow: Flow, text: str = "hello") -> Turn:
    """The turn of a first message."""
    happened = event(MessageReceived(text))
    return advance({"v1": flow}, begin("v1", flow, "start", happened, "r1"), happened, Limits(), steps)


WELL: list[tuple[str, Mapping[str, Any]]] = [
    ("works", {"heard": "hello", "lacks": ""}),
    ("prints", {}),
    ("leaks", {}),
    ("rounds", {"x": "0.33"}),
    ("divides", {"x": "0.3333333333333333333333333333"}),  # what a step before it set is its own
]
BADLY: list[tuple[str, str, str]] = [
    ("raises", "step_error", "The step “My step” broke (ValueError: no luck today)."),
    ("loops", "plugin_timeout", "The step “My step” was not done after 1 s, so it was stopped."),
    ("sleeps", "plugin_timeout", "The step “My step” was not done after 1 s, so it was stopped."),
    ("runs_away", "plugin_timeout", "The step “My step” was not done after 1 s, so it was stopped."),
    ("hoards", "plugin_memory", "It used more memory than a step may."),
    ("forks", "step_error", "PermissionError"),
    ("starts", "step_error", "PermissionError"),
    ("connects", "step_error", "PermissionError"),
    ("kills", "step_error", "PermissionError"),
    ("calls_x32", "step_error", "PermissionError"),
    ("makes_rings", "step_error", "PermissionError"),
    ("signals", "step_error", "PermissionError"),
    ("fills", "step_error", "File too large"),
    ("limits_others", "step_error", "PermissionError"),
    ("exits", "plugin_died", "The step “My step” ended its process with the code 3."),
    ("leaves", "step_error", "The step “My step” broke (SystemExit: 3)."),
    ("crashes", "plugin_died", "The step “My step” was ended by the signal SIGSEGV."),
    ("scribbles", "step_error", "answered what cannot be read."),
    ("forges", "step_error", "answered what cannot be read."),
    ("gives_nothing", "step_error", "“My step” returned NoneType, which is no outcome."),
    ("gives_text", "step_error", "“My step” returned str, which is no outcome."),
    ("gives_bytes", "step_error", "A variable cannot hold a bytes."),
    ("gives_number", "step_error", "Take.exit should be a text, but it is '7'."),
    ("gives_object", "step_error", "which JSON cannot hold"),
    ("gives_much", "too_large", "and 16,777,216 are the most."),
    ("sends_much", "too_large", "“My step” asks for 21 effects at once; at most 20 are taken."),
    ("sends_long", "too_large", "“My step” asks for something of more than 1 MiB."),
    ("asks_long", "too_large", "“My step” asks for something of more than 1 MiB."),
    ("waits_for_ever", "step_error", "The step waits for nothing, and for ever."),
    ("goes_elsewhere", "exit_missing", "“My step” left by “nowhere”, which leads nowhere in this flow."),
    ("reads_wrongly", "expression_error", "“absent” has no value here"),
    ("says_no", "own_kind", "It says no."),
]


@pytest.mark.parametrize(("type_", "sets"), WELL, ids=[row[0] for row in WELL])
def test_a_step_runs_as_if_it_were_built_in(steps: Registry, type_: str, sets: Mapping[str, Any]) -> None:
    turn = visit(steps, flow_with(type_))
    assert (turn.run.status, dict(turn.run.variables), dict(turn.run.error)) == ("ended", sets, {})


@pytest.mark.parametrize(("type_", "kind", "sentence"), BADLY, ids=[row[0] for row in BADLY])
def test_a_step_that_does_harm_fails_its_own_run_and_the_next_call_is_served(
    steps: Registry, type_: str, kind: str, sentence: str
) -> None:
    began = time.monotonic()
    turn = visit(steps, flow_with(type_))
    assert time.monotonic() - began < SECONDS + 2
    assert (turn.run.status, turn.run.error["kind"], turn.trace[-1]["exit"]) == (
        "ended",
        kind,
        "nowhere" if type_ == "goes_elsewhere" else "failure",
    )
    assert sentence in str(turn.run.error["message"])
    assert visit(steps, flow_with("works")).run.variables["heard"] == "hello"


def test_what_no_database_takes_is_replaced_before_it_could_fail_a_commit(steps: Registry) -> None:
    turn = visit(steps, flow_with("unstorable"))
    assert turn.effects == (SendMessage("a\ufffdb\ufffd"),)
    assert turn.run.variables == {"x\ufffd": {"\ufffd": "\ufffd"}}
    noted = visit(steps, flow_with("notes_badly")).trace[-1]
    assert (noted["inputs"], noted["missing"][:2], len(noted["missing"])) == (
        {"a\ufffd": "b\ufffd"},
        ["c\ufffd", "0"],
        500,
    )


def test_what_a_plugin_nests_too_deeply_is_refused(steps: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    monkeypatch.setattr(StepHost, "call", lambda *_: {"answer": {"summary": deep, "noted": deep, "outcome": deep}})
    kind = steps.get("works")
    assert isinstance(kind, Step)
    with pytest.raises(Refused, match="nested too deeply"):
        kind.summary({"text": "deep"})
    assert visit(steps, flow_with("works")).run.error["kind"] == "too_large"


def test_what_its_templates_read_is_traced(steps: Registry) -> None:
    entry = visit(steps, flow_with("works")).trace[-1]
    assert entry["inputs"] == {"message.text": "hello", "no": None}
    assert entry["missing"] == ["no"]


def test_a_step_sees_no_secret_of_the_process(steps: Registry, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@h/d")
    with open_host(points_in(folder), Bounds(SECONDS)) as other:
        seen = str(visit(Registry(BUILT_IN, kinds_of(other)), flow_with("sees_secrets")).run.variables["x"])
    assert "PATH" in seen
    assert "DATABASE_URL" not in seen


def test_a_process_that_works_is_used_again_and_one_that_holds_memory_is_not(steps: Registry) -> None:
    first, second = (visit(steps, flow_with("names_process")).run.variables["x"] for _ in range(2))
    assert first == second
    for _ in range(3):
        visit(steps, flow_with("leaks"))
    assert visit(steps, flow_with("names_process")).run.variables["x"] != first


def test_a_step_asks_waits_and_resumes(steps: Registry) -> None:
    flow = flow_with("asks")
    asked = visit(steps, flow)
    assert asked.ask == HttpRequest("GET", "https://shop.example.com/")

    def take(run: Run, happened: Happening) -> Turn:
        return advance({"v1": flow}, read(Run, write(run)), event(happened), Limits(), steps)

    waiting = take(asked.run, Answered(0, HttpAnswer(204)))
    assert waiting.run.waiting is not None
    assert waiting.run.waiting.keep == {"status": 204, "n": 1}
    done = take(waiting.run, MessageReceived("yes"))
    assert done.run.variables == {"status": Decimal(204), "said": "yes"}
    assert done.effects == (SendMessage("Thank you"),)


def test_a_step_that_is_too_slow_again_and_again_is_left_alone_for_a_while(
    steps: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        visit(steps, flow_with("loops"))
    began = time.monotonic()
    assert "is left alone for a while" in str(visit(steps, flow_with("loops")).run.error["message"])
    assert time.monotonic() - began < SECONDS / 2
    assert visit(steps, flow_with("works")).run.error == {}
    monkeypatch.setattr("app.step_host.proxy.time.monotonic", lambda: began + 31.0)
    kind = steps.get("loops")
    assert kind is not None
    assert kind.exits({}) == (Exit("next"),)


def test_an_older_config_is_brought_up_to_date_and_the_document_stays(steps: Registry) -> None:
    flow = flow_with("grown", {"words": "old {{ message.text }}"}, 1)
    assert visit(steps, flow).run.variables["x"] == "old hello"
    assert flow.steps["it"].config == {"words": "old {{ message.text }}"}
    assert visit(steps, flow_with("grown", {"text": "new"}, 2)).run.variables["x"] == "new"
    assert visit(steps, flow_with("grown", {"text": "new"}, 3)).run.error["kind"] == "step_missing"


def test_a_flow_whose_plugin_is_gone_can_be_read_and_written_and_fails_as_step_missing() -> None:
    flow = flow_with("works", {"text": "x"})
    without = Registry(BUILT_IN)
    assert visit(without, flow).run.error["kind"] == "step_missing"
    assert document.from_data(document.to_data(flow)) == flow
    codes = [finding.code for finding in check(flow, without, InstallationNames(numbers={"line": frozenset()}))]
    assert "unknown_type" in codes


def test_a_plugins_trigger_claims_and_matches_and_a_broken_match_is_none(steps: Registry) -> None:
    trigger = steps.get("begins")
    assert isinstance(trigger, Trigger)
    assert trigger.claims({}) == (Claim("messages", ("line",), ("plug",), priority=3),)
    flow = flow_with("works")
    for text, score in (("plug it", 10), ("other", None), ("break", None)):
        happened = event(MessageReceived(text))
        run = begin("v1", flow, "start", happened, "r1")
        assert trigger.matches({}, Context(flow, "start", {}, run, happened, Limits())) == score


def test_what_a_class_tells_about_a_config_is_checked_question_by_question(steps: Registry) -> None:
    flow = flow_with("told_badly", {"text": "words"})
    began = time.monotonic()
    found = [one for one in check(flow, steps, InstallationNames()) if one.step == "it"]
    broken = [one.sentence for one in found if one.code == "step_broken"]
    assert any("was not done after 1 s" in sentence for sentence in broken)
    assert time.monotonic() - began < 8 * SECONDS
    assert check(flow_with("works"), steps, InstallationNames()) is not None


def test_a_summary_is_one_line_that_a_canvas_can_show(steps: Registry) -> None:
    kind = steps.get("boasts")
    assert kind is not None
    assert kind.summary({}).startswith("great great ")
    assert len(kind.summary({})) == 500


CLAIM = {"kind": "messages", "numbers": ["line"], "keywords": [], "interrupts": False, "priority": 10**30}
ODD_ANSWERS: list[tuple[str, Any]] = [
    ("variables", [["x", ["list"], ["next"]]]),
    ("variables", [["x", {"a": 1}, ["next"]]]),
    ("variables", [["x", "nonsense", ["next"]]]),
    ("variables", [[5, None, ["next"]]]),
    ("variables", "abc"),
    ("media_of", ["fax"]),
    ("media_of", [["call"]]),
    ("summary", None),
    ("summary", 5),
    ("claims", [CLAIM]),
    ("claims", [{**CLAIM, "priority": 1, "kind": "fax"}]),
    ("nonsense", []),
]


@pytest.mark.parametrize(("question", "data"), ODD_ANSWERS)
def test_an_answer_about_a_config_is_held_against_what_it_may_be(question: str, data: Any) -> None:
    with pytest.raises((FlowError, KeyError, TypeError, ValueError)):  # of which the check makes a finding
        read_answer(question, data)


def test_what_was_asked_ahead_costs_the_check_no_time(steps: Registry) -> None:
    flow = flow_with("told_badly", {"text": "asked ahead"})
    ask_ahead(steps, flow)
    began = time.monotonic()
    assert any(finding.code == "step_broken" for finding in check(flow, steps, InstallationNames()))
    assert time.monotonic() - began < SECONDS / 2


def test_a_plugin_is_a_kind_of_step_with_all_that_its_class_says(steps: Registry) -> None:
    kind = steps.get("grown")
    assert isinstance(kind, Step)
    assert steps.is_plugin("grown")
    assert (kind.title, kind.group, kind.icon, kind.format, kind.__doc__) == (
        "Strange", "data", "bug", 2, "Does what it is called.",
    )  # fmt: skip
    assert kind.schema["properties"]["text"]["title"] == "Text"
    assert vars(kind) == {}


def test_many_threads_call_at_once(steps: Registry) -> None:
    heard: list[object] = []

    def talk(number: int) -> None:
        flow = flow_with("works")
        heard.extend(visit(steps, flow, f"{number}/{turn}").run.variables["heard"] for turn in range(10))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, heard)) == sorted(f"{number}/{turn}" for number in range(6) for turn in range(10))


def test_no_run_fails_for_a_process_that_was_killed_while_it_was_idle(folder: Path) -> None:
    with open_host(points_in(folder), Bounds(SECONDS)) as other:
        steps = Registry(BUILT_IN, kinds_of(other))
        for which in ("the copy", "the template"):
            idle = int(str(visit(steps, flow_with("names_process")).run.variables["x"]))
            assert other._program is not None
            os.kill(idle if which == "the copy" else other._program.pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while alive(idle) and time.monotonic() < deadline:  # a copy dies with its template
                time.sleep(0.01)
            assert visit(steps, flow_with("works")).run.variables["heard"] == "hello", which


def test_what_a_plugin_prints_while_it_is_read_hurts_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = "import os; print('x' * 20_000_000); os.write(1, b'y' * 20_000_000); os.write(2, b'z' * 20_000_000)\n"
    write_plugin(tmp_path, {"works": noise + source("works")}, "noisy")
    monkeypatch.syspath_prepend(tmp_path)
    with open_host(points_in(tmp_path, "noisy"), Bounds(SECONDS)) as other:
        assert visit(Registry(BUILT_IN, kinds_of(other)), flow_with("works")).run.variables["heard"] == "hello"


def test_an_upgrade_that_breaks_fails_its_own_run_and_is_a_finding(steps: Registry) -> None:
    badly, endlessly = ("grows_badly", "step_error", "no luck"), ("grows_endlessly", "plugin_timeout", "after 1 s")
    for type_, kind, sentence in (badly, endlessly):
        flow = flow_with(type_, {"words": "old"}, 1)
        run = visit(steps, flow).run
        assert (run.status, run.error["kind"], sentence in str(run.error["message"])) == ("ended", kind, True)
        assert "step_broken" in [finding.code for finding in check(flow, steps, InstallationNames())]
        assert document.from_data(document.to_data(flow)) == flow


PROGRAM = """
import sys, time
sys.path[:0] = [{root!r}, {folder!r}]
from pathlib import Path
from app.step_host import kinds_of, open_host
from tests.plugins import points_in
from flows.registry import Registry
from tests.app.test_step_host import BUILT_IN, flow_with, visit
with open_host(points_in(Path({folder!r}))) as host:
    steps = Registry(BUILT_IN, kinds_of(host))
    visit(steps, flow_with("works"))
    print(host._program.pid, visit(steps, flow_with("names_process")).run.variables["x"], flush=True)
    visit(steps, flow_with("loops"))
"""


def test_no_process_outlives_one_that_is_killed(folder: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    program = PROGRAM.format(root=root, folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        processes = [int(word) for word in owner.stdout.readline().split()]
        assert len(processes) == 2
        time.sleep(0.3)  # until the step loops
        owner.kill()
    deadline = time.monotonic() + 10
    while any(alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(process) for process in processes)


def alive(process: int) -> bool:
    """Whether it runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_forked_process_has_a_host_of_its_own(folder: Path) -> None:
    with open_host(points_in(folder), Bounds(SECONDS)) as other:
        steps = Registry(BUILT_IN, kinds_of(other))
        ours = visit(steps, flow_with("names_process")).run.variables["x"]
        child = os.fork()
        if not child:
            theirs = visit(steps, flow_with("names_process")).run.variables["x"]
            other.close()
            os._exit(0 if theirs != ours else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert visit(steps, flow_with("names_process")).run.variables["x"] == ours
