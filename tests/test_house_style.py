"""The rules of the house that no linter knows."""

import ast
import sys
from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
MODULES = sorted(path for folder in ("app", "flows", "steps") for path in (PROJECT_FOLDER / folder).rglob("*.py"))
LONGEST_MODULE = 250
EMPTY_NAMES = {"utils", "util", "helpers", "common", "base", "misc", "manager"}
ENGINE_LIBRARIES = {"jsonschema", "referencing", "jinja2", "markupsafe", "regex", "simplemma", "ahocorasick"}
"""What DESIGN §1 allows the engine, with the two packages that jsonschema and jinja2 are split into."""


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(PROJECT_FOLDER)) for path in paths]


def imported_by(path: Path) -> set[str]:
    found = set()
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            found.add(statement.module.partition(".")[0])
    return found


def test_no_module_is_too_long_to_hold_in_the_head() -> None:
    assert names([path for path in MODULES if len(path.read_text().splitlines()) > LONGEST_MODULE]) == []


def test_every_module_is_named_after_what_it_is_for() -> None:
    assert names([path for path in MODULES if EMPTY_NAMES & {*path.relative_to(PROJECT_FOLDER).parts, path.stem}]) == []


def test_the_engine_imports_only_what_it_may() -> None:
    allowed = sys.stdlib_module_names | ENGINE_LIBRARIES | {"flows"}
    strangers = {str(path.name): imported_by(path) - allowed for path in (PROJECT_FOLDER / "flows").rglob("*.py")}
    assert {name: modules for name, modules in strangers.items() if modules} == {}
