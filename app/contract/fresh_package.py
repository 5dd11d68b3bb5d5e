"""Writes a new plugin: a Python project with one working step and its test, to be changed into what one needs."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Final

from flows.errors import FlowError
from flows.form import ID_PATTERN

_LONGEST: Final = 40


@dataclass(frozen=True)
class Made:
    """Where it lies, and what its package is called."""

    folder: Path
    package: str


def write_package(name: str, folder: Path | None = None) -> Made:
    """A plugin with the step `name`, in a folder of that name unless another is given.

    Raises: FlowError for a name that no step can have, or a folder that exists; OSError.
    """
    if not re.fullmatch(ID_PATTERN.removesuffix("$"), name) or len(name) > _LONGEST or keyword.iskeyword(name):
        raise FlowError(
            f"A step cannot be called “{name}”: use small letters, digits and underscores, such as check_stock."
        )
    package = f"patchbay_{name}"
    folder = folder or Path(package.replace("_", "-"))
    if folder.exists():
        raise FlowError(f"{folder} exists already: name another folder by --folder, or remove it.")
    words = {
        "name": name,
        "package": package,
        "project": package.replace("_", "-"),
        "step": "".join(word.capitalize() for word in name.split("_")) + "Step",
        "title": name.replace("_", " ").capitalize(),
        "version": version("patchbay"),
    }
    for path, text in _FILES.items():
        file = folder / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(words), encoding="utf-8")
    return Made(folder, package)


_PROJECT: Final = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$project"
version = "0.1.0"
description = "A step for Patchbay $version."
requires-python = ">=3.11"

[tool.setuptools]
packages = ["$package"]

# Each step is one file with one class, and has a line here. The name is the step's type.
[project.entry-points."patchbay.steps"]
$name = "$package.$name:$step"
"""

_STEP: Final = '''"""The step `$name`: replace this by one sentence on what it does."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from flows.context import Context
from flows.form import record, template, variable
from flows.step import Config, Example, Exit, Group, Json, Outcome, Step, Take, fail
from flows.values import ValueType


class $step(Step):
    """Counts the words of a text. This sentence is the help that people see; write your own."""

    type: ClassVar[str] = "$name"
    title: ClassVar[str] = "$title"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "puzzle"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "text": template("Text", "A text, or an expression such as {{ message.text }}."),
            "variable": variable("Variable", "The name under which later steps find the number of words."),
        },
        required=["text", "variable"],
    )
    errors: ClassVar[Mapping[str, str]] = {"no_words": "There are no words in the text."}
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "Two words",
            {"text": "{{ message.text }} there", "variable": "words"},
            leaves_by="next",
            sets={"words": Decimal(2)},
        ),
        Example("No words", {"text": " ", "variable": "words"}, leaves_by="failure", error="no_words"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """The ways out, besides `failure`."""
        return (Exit("next"),)

    def summary(self, config: Config) -> str:
        """One line for the canvas; the config may be unfinished."""
        return f"words of {config.get('text', '…')}"

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """What it sets: name, type, and the exits on which it is surely set."""
        return [(config["variable"], "number", ("next",))] if "variable" in config else []

    def run(self, context: Context) -> Outcome:
        """What it does: a calculation, without clock, network or files."""
        words = context.text(context.config["text"]).split()
        if not words:
            return fail("no_words", "There are no words in the text; say before this step what happens then.")
        return Take("next", sets={context.config["variable"]: Decimal(len(words))})
'''

_TEST: Final = '''"""The step keeps Patchbay's contract: its examples come out as they say, and nothing is forgotten."""

from app.contract import faults_in
from $package.$name import $step


def test_the_step_keeps_the_contract() -> None:
    assert faults_in($step) == []
'''

_README: Final = """# $project

A step for Patchbay. The step is in `$package/$name.py`; change it into what you need.

    pip install -e .                      # into Patchbay's environment; then start Patchbay again
    patchbay steps check $package
"""

_FILES: Final[Mapping[str, str]] = {
    "pyproject.toml": _PROJECT,
    "README.md": _README,
    "$package/__init__.py": '"""Steps for Patchbay."""\n',
    "$package/$name.py": _STEP,
    "tests/test_$name.py": _TEST,
}
