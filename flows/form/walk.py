"""Walking a config along its schema: the templates, references, variables and exit ids in it, and its defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flows.form.fields import Schema

Found = tuple[str, Mapping[str, Any], Any]  # where, the field's schema, the setting

_PLACES: Mapping[str, Any] = {"template": "text", "value": "value", "address": "address", "header_value": "header"}


@dataclass(frozen=True)
class Reference:
    """A named thing of the installation that a config uses, such as a credential, a queue or a stored file."""

    kind: Literal["credential", "queue", "number", "constant", "connection", "segment", "flow", "file"]
    name: str
    field: str  # where, as a path such as "target.queue"
    media_types: tuple[str, ...] = ()  # those of which a file has to be one; none: any


@dataclass(frozen=True)
class TemplateUse:
    """A template in a config: where it stands and what kind of place that is."""

    field: str
    source: str
    place: Literal["text", "value", "address", "header", "body"] = "text"
    extra: tuple[str, ...] = ()  # names that only this template may read, such as "queue"


def fields(schema: Mapping[str, Any], config: Any, path: str = "") -> Iterator[Found]:
    """Every setting in a config with its place and its field's schema; what fits no field is passed over."""
    yield path, schema, config
    if isinstance(config, dict):
        for name, field in properties(schema, config).items():
            if name in config:
                yield from fields(field, config[name], join(path, name))
    elif isinstance(config, list) and "items" in schema:
        for index, entry in enumerate(config):
            yield from fields(schema["items"], entry, join(path, index))


def properties(schema: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a record; of variants, those of the variant the config has chosen."""
    chosen = variant(schema, config)
    found: Mapping[str, Any] = (chosen or schema).get("properties", {})
    return found


def variant(schema: Mapping[str, Any], config: Any) -> Schema | None:
    """The record of `variants` whose word the config has; None when it has none or the schema is of another kind."""
    for option in schema.get("oneOf", ()) if isinstance(config, dict) else ():
        words = {name: field["const"] for name, field in option.get("properties", {}).items() if "const" in field}
        if words and all(config.get(name) == word for name, word in words.items()):
            return dict(option)
    return None


def templates(schema: Mapping[str, Any], config: Any) -> list[TemplateUse]:
    """All templates of a config, a text per language and a body's leaves each for itself."""
    found: list[TemplateUse] = []
    for path, field, setting in fields(schema, config):
        kind, extra = str(field.get("x-kind")), tuple(field.get("x-extra", ()))
        if kind in _PLACES and isinstance(setting, str):
            found.append(TemplateUse(path, setting, _PLACES[kind], extra))
        elif kind == "localised" and isinstance(setting, dict):
            texts = ((join(path, language), text) for language, text in setting.items() if isinstance(text, str))
            found.extend(TemplateUse(where, text, "text", extra) for where, text in texts)
        elif kind == "body":
            found.extend(TemplateUse(where, leaf, "body") for where, leaf in _leaves(path, setting))
    return found


def references(schema: Mapping[str, Any], config: Any) -> list[Reference]:
    """All named things of the installation a config uses; a name that an expression computes is not known here."""
    return [
        Reference(field["x-names"], setting, path, tuple(field.get("x-media-types", ())))
        for path, field, setting in fields(schema, config)
        if "x-names" in field and isinstance(setting, str) and setting and "{{" not in setting
    ]


def variable_names(schema: Mapping[str, Any], config: Any) -> list[tuple[str, str]]:
    """(where, name) of every variable the config sets."""
    return [
        (path, setting)
        for path, field, setting in fields(schema, config)
        if field.get("x-kind") == "variable" and isinstance(setting, str)
    ]


def localised_texts(schema: Mapping[str, Any], config: Any) -> list[tuple[str, Mapping[str, str]]]:
    """(where, texts by language) of every text for the contact."""
    return [
        (path, setting)
        for path, field, setting in fields(schema, config)
        if field.get("x-kind") == "localised" and isinstance(setting, dict)
    ]


def filled(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config in which absent settings have their defaults, for reading only: it is never stored."""
    full: dict[str, Any] = {}
    for name, field in properties(schema, config).items():
        if name in config:
            full[name] = _filled_value(field, config[name])
        elif "default" in field:
            full[name] = field["default"]
    return {**config, **full}


def join(path: str, part: str | int) -> str:
    """A place one step further in, as "cases.0.id"."""
    return f"{path}.{part}" if path else str(part)


def _filled_value(field: Mapping[str, Any], setting: Any) -> Any:
    if isinstance(setting, dict) and "x-kind" not in field:
        return filled(field, setting)
    if isinstance(setting, list) and "items" in field:
        return [_filled_value(field["items"], entry) for entry in setting]
    return setting


def _leaves(path: str, setting: Any) -> Iterator[tuple[str, str]]:
    if isinstance(setting, str):
        yield path, setting
    elif isinstance(setting, (dict, list)):
        parts = setting.items() if isinstance(setting, dict) else enumerate(setting)
        for part, inner in parts:
            yield from _leaves(join(path, part), inner)
