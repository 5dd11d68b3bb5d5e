"""Holding a config against its schema, and saying what is wrong in sentences people can read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from flows.form.fields import ID_PATTERN, ID_SAYS, LANGUAGE_PATTERN
from flows.form.walk import join, properties

_TYPE_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "yes or no",
    "array": "a list",
    "object": "a group of settings",
}
_PATTERN_WORDS = {
    ID_PATTERN: ID_SAYS,
    LANGUAGE_PATTERN: 'a language code such as "en" or "pt-BR"',
}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a config: where, as "cases.0.id", and a sentence for the author."""

    path: str
    sentence: str


def validate(schema: Mapping[str, Any], config: Any) -> list[Fault]:
    """Everything wrong with a config, in the order of the places; none when it satisfies the schema."""
    errors = sorted(
        validator(schema).iter_errors(config), key=lambda error: [str(part) for part in error.absolute_path]
    )
    faults = dict.fromkeys(fault for error in errors for fault in _faults(error, schema, config))
    return [Fault(fault.path, fault.sentence[:1].upper() + fault.sentence[1:]) for fault in faults]


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A validator of JSON Schema 2020-12 in which "$" means the very end, as ECMA-262 has it and Python has not."""
    checked: Draft202012Validator = _Strict(schema)
    return checked


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    exact = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    try:
        fits = not isinstance(instance, str) or regex.search(exact, instance, timeout=1) is not None
    except TimeoutError:  # a plugin's pattern and a text that suits it badly: what cannot be checked is refused
        fits = False
    if not fits:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Strict = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]  # the stubs lack it


def _faults(error: ValidationError, root: Mapping[str, Any], config: Any) -> Iterable[Fault]:
    path: list[str | int] = list(error.absolute_path)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    instance: Any = error.instance
    limit: Any = error.validator_value
    if error.validator == "oneOf":
        yield from _one_of(error, schema, path, root, config)
    elif error.validator == "required":
        missing = [[*path, name] for name in limit if name not in instance]
        yield from (Fault(_dotted(place), f"{_name(root, config, place)} is missing.") for place in missing)
    elif error.validator == "additionalProperties":
        unknown = [name for name in instance if name not in schema.get("properties", {})]
        where = _name(root, config, path)
        yield from (Fault(_dotted([*path, name]), f"“{name}” is not a setting of {where}.") for name in unknown)
    else:
        yield Fault(_dotted(path), f"{_name(root, config, path)} {_sentence(error, schema, limit)}.")


def _one_of(
    error: ValidationError, schema: Mapping[str, Any], path: list[str | int], root: Mapping[str, Any], config: Any
) -> Iterable[Fault]:
    options: Any = error.validator_value
    where = _name(root, config, path)
    if all("const" in option for option in options):
        words = ", ".join(f"“{option['const']}”" for option in options)
        yield Fault(_dotted(path), f"{where} needs to be one of {words}.")
    elif all(set(option) == {"required"} for option in options):
        titles = ", ".join(_title(schema, option["required"][0]) for option in options)
        yield Fault(_dotted(path), f"{where} needs exactly one of: {titles}.")
    else:
        by = str(next(name for name, field in options[0]["properties"].items() if "const" in field))
        known = [option["properties"][by]["const"] for option in options]
        word = error.instance.get(by) if isinstance(error.instance, dict) else None
        if word not in known:
            listed = ", ".join(f"“{each}”" for each in known)
            yield Fault(_dotted([*path, by]), f"{where} needs “{by}” to be one of {listed}.")
        for inner in error.context or ():
            if word in known and inner.schema_path[0] == known.index(word):
                yield from _faults(inner, root, config)


def _sentence(error: ValidationError, schema: Mapping[str, Any], limit: Any) -> str:
    entries = "entry" if limit == 1 else "entries"
    characters = "character" if limit == 1 else "characters"
    says: Mapping[str, str] = {
        "type": f"needs to be {_TYPE_WORDS.get(str(limit), str(limit))}",
        "minItems": f"needs at least {'one' if limit == 1 else limit} {entries}",
        "maxItems": f"takes at most {limit} {entries}",
        "uniqueItems": "has the same entry twice",
        "minProperties": "needs a text in at least one language",
        "minLength": "needs to be filled in" if limit == 1 else f"needs at least {limit} {characters}",
        "maxLength": f"takes at most {limit} {characters}",
        "minimum": f"needs to be {limit} or more",
        "maximum": f"needs to be {limit} or less",
        "const": f"needs to be “{limit}”",
        "enum": f"needs to be one of {', '.join(f'“{word}”' for word in limit) if isinstance(limit, list) else ''}",
        "pattern": f"needs to be {schema.get('x-says') or _PATTERN_WORDS.get(str(limit), f'of the form {limit}')}",
    }
    return says.get(str(error.validator), error.message)


def _name(root: Mapping[str, Any], config: Any, path: Sequence[str | int]) -> str:
    """What a person calls a place: the innermost title, and the entry of the list it stands in."""
    schema, value, name, entry = root, config, str(root.get("title") or "this step"), ""
    for part in path:
        if isinstance(part, int):
            schema, entry = schema.get("items", {}), f"entry {part + 1} of {name}"
            name = entry
        else:
            schema = properties(schema, value if isinstance(value, dict) else {}).get(part, {})
            title = schema.get("title", f"“{part}”")
            name = f"{title} in {entry}" if entry else title
        value = _inside(value, part)
    return name


def _inside(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(str(part))
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _title(schema: Mapping[str, Any], name: str) -> str:
    return str(schema.get("properties", {}).get(name, {}).get("title", name))


def _dotted(path: Sequence[str | int]) -> str:
    dotted = ""
    for part in path:
        dotted = join(dotted, part)
    return dotted
