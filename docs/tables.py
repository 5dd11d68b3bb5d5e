"""Writes the tables of the pages that come from the code: `python -m docs.tables` after a change, and read the diff.

A table stands in a page between `<!-- table: NAME -->` and `<!-- end of table -->`; tests/test_documentation.py fails
while a page has another text there.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from inspect import getsource
from pathlib import Path
from typing import Any

from app.accounts.roles import ROLES, SCOPES, Right
from app.web.api import NOUNS
from app.web.api.answers import fields_of
from app.web.api.doors import RAW, Door, Noun
from flows.check.variables import SCOPE
from flows.expression import FILTERS, TESTS
from flows.expression_filter import Filter, Test
from flows.failing import ENGINE_ERRORS
from flows.form.spelled import listed, spelled
from flows.limits import Limits
from flows.registry import Registry
from flows.step import Step
from flows.testing import EVENT_WORDS, EXPECTATION_WORDS
from flows.testing.events import EventWord
from flows.testing.expectations import ExpectationWord

FOLDER = Path(__file__).resolve().parent
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_MEDIA = {"call": "calls", "messages": "messages"}
Setting = tuple[str, str, str, str]  # its place, what may stand there, the default, its help


def steps() -> str:
    """Every built-in step: its help, config, exits, errors and one example."""
    registry = Registry.discover(["steps"])
    return "\n".join(_step(step) for step in registry if not registry.is_plugin(step.type))


def filters() -> str:
    """The words after a bar."""
    return _words(FILTERS)


def tests() -> str:
    """The words after `is`."""
    return _words(TESTS)


def names() -> str:
    """What every expression may read besides the flow's own variables."""
    described = {"constants": "every constant of the installation, by its name", "now": "the instant of this turn"}
    rows = [(f"`{name}`", described.get(name) or listed(sorted(keys or ()))) for name, keys in SCOPE.items()]
    return _table(("name", "what it has"), rows)


def engine_errors() -> str:
    """The kinds of failure that any step can have."""
    return _table(("kind", "meaning"), [(f"`{kind}`", meaning) for kind, meaning in ENGINE_ERRORS.items()])


def limits() -> str:
    """Every limit with its value, the error beyond it, and its reason."""
    remarks = dict(re.findall(r"^    (\w+): .*?  # (.*)$", getsource(Limits), re.MULTILINE))
    rows = [(f"`{part.name}`", f"{part.default:,}", remarks[part.name]) for part in fields(Limits)]
    return _table(("limit", "value", "what happens beyond it, and remarks"), rows)


def test_events() -> str:
    """What may happen in a flow's test."""
    return _test_words(EVENT_WORDS)


def test_expectations() -> str:
    """What a flow's test may expect."""
    return _test_words(EXPECTATION_WORDS)


def doors() -> str:
    """Every door of the API, by noun."""
    return "\n".join(_noun(noun) for noun in NOUNS)


def rights() -> str:
    """Every right, and the roles that have it."""
    rows = [
        (f"`{right}`", ", ".join(role for role in ROLES if right in ROLES[role]), "yes" if right in SCOPES else "no")
        for right in Right
    ]
    return _table(("right", "roles that have it", "a token may have it"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    table.__name__: table
    for table in (steps, filters, tests, names, engine_errors, limits, test_events, test_expectations, rights, doors)
}


def up_to_date(page: str) -> str:
    """The page with every table as the code has it."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", page)


def main() -> None:
    """Write the tables of all pages anew."""
    for path in sorted(FOLDER.glob("*.md")):
        path.write_text(up_to_date(path.read_text(encoding="utf-8")), encoding="utf-8")


def _test_words(words: Mapping[str, EventWord | ExpectationWord]) -> str:
    rows = [
        (f"`{name}`", word.says, f"`{json.dumps(word.example, ensure_ascii=False)}`") for name, word in words.items()
    ]
    return _table(("word", "what it says", "example"), rows)


def _step(step: Step) -> str:
    example = step.examples[0]
    works = " and ".join(word for medium, word in _MEDIA.items() if medium in step.media)
    waits = " The run can wait here." if step.waits else ""
    parts = [
        f"### {step.title} (`{step.type}`)\n",
        f"{' '.join((step.__doc__ or '').split())}\n",
        f"Group “{step.group}”; for {works}.{waits} {_exits(step)}\n",
        _table(("setting", "what may stand there", "default", "help"), list(_settings(step.schema, ""))),
        *[f"{sentence}\n" for sentence in _alternatives(step.schema, "the config")],
        f"Example, “{example.title}”:\n",
        f"```json\n{json.dumps(example.config, ensure_ascii=False, indent=2)}\n```\n",
    ]
    if step.errors:
        errors = [(f"`{kind}`", meaning) for kind, meaning in step.errors.items()]
        parts.append(_table(("error kind", "meaning"), errors))
    return "\n".join(parts)


def _exits(step: Step) -> str:
    seen = [[way.id for way in step.exits(config)] for config in ({}, *(example.config for example in step.examples))]
    always = [way for way in seen[0] if all(way in ways for ways in seen)]
    others = list(dict.fromkeys(way for ways in seen for way in ways if way not in always))
    failure = ["failure"] if step.fails() else []
    if not always and not others and not failure:
        return "It has no exits."
    said = f"Exits: {listed([*always, *failure])}"
    return f"{said}; by its config also such as {listed(others)}." if others else f"{said}."


def _settings(field: Mapping[str, Any], path: str) -> Iterator[Setting]:
    """Every setting inside a group, the place written as in `choices[].key`."""
    for name, inner, needed, only in _parts(field):
        place = f"{path}.{name}" if path else name
        default = f"`{json.dumps(inner['default'])}`" if "default" in inner else ""
        title = f"{inner['title'].rstrip('.')}. " if "title" in inner else ""
        yield f"`{place}`", spelled(inner) + only, "needed" if needed else default, title + inner["description"]
        item = inner.get("items", {})
        if "properties" in item or _is_variants(item):
            yield from _settings(item, f"{place}[]")
        elif inner.get("type") == "object" and "x-kind" not in inner:
            yield from _settings(inner, place)


def _parts(field: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool, str]]:
    """The fields of a group, whether each is needed; of variants each different field once, with its words."""
    if not _is_variants(field):
        needed = field.get("required", ())
        yield from ((name, inner, name in needed, "") for name, inner in field.get("properties", {}).items())
        return
    by = next(name for name, inner in field["oneOf"][0]["properties"].items() if "const" in inner)
    words = [option["properties"][by]["const"] for option in field["oneOf"]]
    yield by, {"oneOf": [{"const": word} for word in words], "description": "Which kind it is."}, True, ""
    found: dict[str, tuple[str, Mapping[str, Any], bool, list[str]]] = {}
    for option, word in zip(field["oneOf"], words, strict=True):
        for name, inner in option["properties"].items():
            is_needed = name in option.get("required", ())
            key = json.dumps([name, inner, is_needed], sort_keys=True)
            if name != by:
                found.setdefault(key, (name, inner, is_needed, []))[3].append(word)
    for name, inner, is_needed, having in sorted(found.values(), key=lambda one: one[0]):
        yield name, inner, is_needed, "" if len(having) == len(words) else f" (where `{by}` is {listed(having)})"


def _is_variants(field: Mapping[str, Any]) -> bool:
    return "oneOf" in field and "properties" not in field and field.get("type") == "object"


def _alternatives(field: Mapping[str, Any], where: str) -> Iterator[str]:
    """Where exactly one of several settings is filled."""
    if "oneOf" in field and "properties" in field:
        yield f"Exactly one of {listed([option['required'][0] for option in field['oneOf']])} in {where}."
    for name, inner in field.get("properties", {}).items():
        yield from _alternatives(inner.get("items", inner), f"`{name}`")


def _noun(noun: Noun) -> str:
    rows = [
        (
            f"`{door.method} {door.address}`",
            door.summary,
            _taken(door),
            _answered(door),
            listed(sorted(door.needs)) or "none",
        )
        for door in noun.doors
    ]
    table = _table(("request", "what it does", "takes", "answers", "right"), rows)
    return f"### {noun.name.replace('_', ' ').capitalize()}\n\n{table}"


def _answered(door: Door) -> str:
    names, is_list = fields_of(door.view)
    return ("each: " if is_list else "") + ", ".join(f"`{name}`" for name in names)


def _taken(door: Door) -> str:
    if door.body is RAW:
        return "the file's bytes as its body"
    taken = door.query if door.body is None else door.body
    named = [
        f"`{name}`{' (needed)' if name in taken['required'] else ''}: {spelled(field)}"
        for name, field in taken["properties"].items()
        if name not in ("limit", "after")
    ]
    pages = ["`limit`, `after`"] if "limit" in taken["properties"] else []
    return "; ".join([*pages, *named])


def _words(words: Mapping[str, Filter] | Mapping[str, Test]) -> str:
    rows = [(f"`{_called(word)}`", word.help, f"`{word.example}`", f"`{word.gives}`") for word in words.values()]
    return _table(("word", "meaning", "example", "gives"), rows)


def _called(word: Filter | Test) -> str:
    given = [*word.parameters[: word.required], *(f"{name}?" for name in word.parameters[word.required :])]
    return f"{word.name}({', '.join(given)})" if given else word.name


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) if rows else "It has no settings.\n"


if __name__ == "__main__":
    main()
