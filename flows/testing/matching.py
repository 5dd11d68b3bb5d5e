"""Whether what was observed is what was expected, and both as words of a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.testing.words import Json
from flows.values import from_plain, to_text


def _fits(wanted: Json, text: str) -> bool:
    if isinstance(wanted, str):
        return wanted == text
    return str(wanted.get("contains", "")) in text and text.startswith(str(wanted.get("starts_with", "")))


def texts_hold(wanted: Json, seen: Sequence[str]) -> bool:
    """A list is all there is; a single one stands somewhere in it."""
    if isinstance(wanted, list):
        return len(wanted) == len(seen) and all(map(_fits, wanted, seen))
    return any(_fits(wanted, text) for text in seen)


def among(wanted: Json, seen: Sequence[Json]) -> bool:
    """Whether it is one of those."""
    return wanted in seen


def values_hold(wanted: Mapping[str, Json], seen: Mapping[str, Json]) -> bool:
    """Whether all that is wanted is so; there may be more."""
    return all(name in seen and seen[name] == value for name, value in wanted.items())


def part_of(wanted: Json, whole: Json) -> bool:
    """Whether everything that is wanted stands in the whole, which may have more keys."""
    if isinstance(wanted, Mapping) and isinstance(whole, Mapping):
        return all(key in whole and part_of(part, whole[key]) for key, part in wanted.items())
    return bool(wanted == whole)


def some_effect(wanted: Json, seen: Sequence[Json]) -> bool:
    """Whether one of the effects has it all."""
    return any(part_of(wanted, effect) for effect in seen)


def same(wanted: Json, seen: Json) -> bool:
    """Whether both are the same."""
    return bool(wanted == seen)


def shown(data: Any) -> str:
    """What was expected, or what there was, for a sentence."""
    if isinstance(data, str):
        return f"“{data if len(data) <= 200 else data[:200] + '…'}”"
    if isinstance(data, list):
        return ", ".join(map(shown, data[:10])) + (f" and {len(data) - 10} more" if len(data) > 10 else "")
    if isinstance(data, Mapping) and data and data.keys() <= {"contains", "starts_with"}:
        parts = {"contains": "with", "starts_with": "that begins with"}
        return " and ".join(f"{parts[key]} {shown(text)}" for key, text in sorted(data.items()))
    if isinstance(data, Mapping):
        return ", ".join(f"{key} = {shown(value)}" for key, value in list(data.items())[:10]) or "nothing"
    return to_text(from_plain(data)) if not isinstance(data, bool) else ("yes" if data else "no")
