"""The contract finds what is wrong with a step, and says where and how to mend it; a new package keeps all of it."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from app import cli
from app.contract.checking import check_package
from app.contract.fresh_package import write_package
from app.contract.one import faults_at
from flows.errors import FlowError
from tests.plugins import points_in, write_plugin

ROOT = Path(__file__).resolve().parents[2]
Say = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command: exit code, lines printed, what was complained."""

    def run(*arguments: object) -> tuple[int, list[str], str]:
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out.splitlines(), printed.err

    return run


def install(project: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pip install -e` would: the project on the path, and its metadata."""
    told = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    information = place / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    information.mkdir(parents=True)
    points = "".join(f"{key} = {value}\n" for key, value in told["entry-points"]["patchbay.steps"].items())
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    (information / "entry_points.txt").write_text(f"[patchbay.steps]\n{points}")
    monkeypatch.syspath_prepend(place)
    monkeypatch.syspath_prepend(project)


def test_a_new_package_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    folder = tmp_path / "words"
    code, lines, _ = say("steps", "new", "count_words", "--folder", folder)
    assert code == 0
    assert f"pip install -e {folder}" in lines[1]
    install(folder, tmp_path / "site", monkeypatch)
    assert say("steps", "check", "patchbay_count_words") == (0, ["count_words: all is well"], "")
    assert say("steps", "check", "patchbay-count-words")[0] == 0


def test_the_test_of_a_new_package_passes_as_it_is(tmp_path: Path) -> None:
    made = write_package("count_words", tmp_path / "words")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(made.folder / "tests")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{made.folder}"},
        cwd=made.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["", "Count", "count-words", "1st", "class", "x" * 41, "../x"])
def test_a_name_that_no_step_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FlowError, match="cannot be called"):
        write_package(name, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_a_built_in_step_has_is_refused(tmp_path: Path, say: Say) -> None:
    code, _, complaint = say("steps", "new", "send_message", "--folder", tmp_path / "made")
    assert (code, "choose another name" in complaint, list(tmp_path.iterdir())) == (1, True, [])


def test_what_is_there_is_not_written_over(tmp_path: Path, say: Say) -> None:
    code, _, complaint = say("steps", "new", "count_words", "--folder", tmp_path)
    assert (code, "exists already" in complaint) == (1, True)


def test_a_package_that_is_not_installed_is_named(say: Say) -> None:
    code, _, complaint = say("steps", "check", "nobody")
    assert (code, "install it first" in complaint) == (1, True)


BROKEN: list[tuple[str, str, str]] = [
    ('leaves_by="next",', 'leaves_by="other",', "It leaves by “next”, and the example says “other”."),
    ("sets={\"words\": Decimal(2)}", "sets={\"words\": Decimal(3)}", "and the example says"),
    ('Example("No words"', 'Example("Nothing"', ""),
    ('leaves_by="failure", error="no_words"', 'leaves_by="failure", error="other"', "“other” is not explained"),
    ('{"no_words": "There are no words in the text."}', '{"no_words": "none"}', "“none” is no sentence."),
    ("if not words:", "if False:", "It leaves by “next”, and the example says “failure” (no_words)."),
    ('(Exit("next"),)', '(Exit("next"), Exit("more"))', "No example leaves by “more”."),
    ('(Exit("next"),)', '(Exit("next"), Exit("failure"))', "It names the exit “failure”"),
    ('config.get(\'text\', \'…\')', "config['text']", "It breaks on an empty config (KeyError: 'text')."),
    ('if "variable" in config else []', 'if "variable" in config and False else []', "which `variables` does not name"),
    ('return Take("next"', 'import time; time.time(); return Take("next"', "It asked time in"),
    ("from decimal import Decimal", "import random\nfrom decimal import Decimal", "The code uses random."),
    ("class CountW", "raise RuntimeError('no luck')\nclass CountW", "cannot be loaded: no luck"),
    ('type: ClassVar[str] = "count_words"', 'type: ClassVar[str] = "count"', "its file is called otherwise"),
    ('type: ClassVar[str] = "count_words"', 'type: ClassVar[str] = "say"', "its file is called otherwise"),
    ("return fail(", "return 7 or fail(", "which is no outcome"),
    ('"There are no words in the text; say before this step what happens then."', '"none"', "“none” is no sentence."),
    ('"text": " ", "variable"', '"text": " ", "more": 1, "variable"', "more"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "sentence"), BROKEN, ids=[row[1][:40] for row in BROKEN])
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: str, bad: str, sentence: str
) -> None:
    made = write_package("count_words", tmp_path / "words")
    text = (made.folder / made.package / "count_words.py").read_text(encoding="utf-8")
    assert good in text
    write_plugin(tmp_path, {"count_words": text.replace(good, bad).replace("CountWordsStep", "Strange")})
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("strangers", "strangers.count_words"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    found = faults_at(points_in(tmp_path)[0], ("steps",))
    said = [f"{fault.place}: {fault.sentence}" for fault in found]
    assert all(fault.mend.endswith((".", "?")) for fault in found)
    assert any(sentence in one for one in said) if sentence else said == []


def test_a_step_that_breaks_is_named_and_its_one_cause_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_package("count_words", tmp_path / "words")
    text = (made.folder / made.package / "count_words.py").read_text(encoding="utf-8")
    bad = text.replace("        words = ", "        1 / 0\n        words = ").replace("CountWordsStep", "Strange")
    write_plugin(tmp_path, {"count_words": bad})
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("strangers", "strangers.count_words"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    (fault,) = faults_at(points_in(tmp_path)[0], ("steps",))
    assert fault.sentence == "The step “Count words” broke (ZeroDivisionError: division by zero)."


ENDLESS = [
    ("import re; re.match('(a+)+$', 'a' * 60 + 'b')", 2.0, "was not done after 2 s"),
    ("import os; os._exit(0)", 60.0, "It ended the process with the code 0."),
]


@pytest.mark.parametrize(("line", "seconds", "sentence"), ENDLESS)
def test_a_step_that_never_comes_back_is_found_by_whoever_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, seconds: float, sentence: str
) -> None:
    made = write_package("count_words", tmp_path / "words")
    text = (made.folder / made.package / "count_words.py").read_text(encoding="utf-8")
    bad = text.replace("        words = ", f"        {line}\n        words = ").replace("CountWordsStep", "Strange")
    write_plugin(tmp_path, {"count_words": bad})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("app.contract.checking.SECONDS", seconds)
    ((type_, faults),) = check_package("strangers", ("steps",))
    assert type_ == "count_words"
    assert sentence in faults[0].sentence
