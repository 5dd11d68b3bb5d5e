"""Merges two people's changes of one draft three ways, per step and field; what both changed otherwise is a clash."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = Any
_ABSENT: Final = object()

# How far down each key of a flow is merged: 0 = as a whole, 1 = per key, 2 = per key of its keys, and so on.
_DEPTHS: Final[Mapping[str, int]] = {"steps": 3, "variables": 2, "layout": 2}
_LISTS: Final = ("groups", "notes", "tests")  # lists of objects with ids: per id and field


@dataclass(frozen=True)
class Clash:
    """One field that both changed, and differently. A value that is not there is None."""

    path: str
    base: Json
    theirs: Json
    yours: Json


@dataclass
class Merged:
    """The merged document; with clashes it holds `theirs` in those places."""

    document: dict[str, Json]
    clashes: list[Clash] = field(default_factory=list)


def merge(base: Mapping[str, Json], theirs: Mapping[str, Json], yours: Mapping[str, Json]) -> Merged:
    """`theirs` and `yours`, both made from `base`, in one; plain data of flow documents."""
    merged = Merged({})
    for key in _keys(base, theirs, yours):
        versions = (base.get(key, _ABSENT), theirs.get(key, _ABSENT), yours.get(key, _ABSENT))
        if key in _LISTS:
            value = _merge_list(merged, key, versions)
        else:
            value = _merge_value(merged, key, versions, _DEPTHS.get(key, 0))
        if value is not _ABSENT:
            merged.document[key] = value
    return merged


def _merge_value(merged: Merged, path: str, versions: tuple[Json, Json, Json], depth: int) -> Json:
    base, theirs, yours = versions
    if _same(yours, theirs) or _same(yours, base):
        return theirs
    if _same(theirs, base):
        return yours
    if base is _ABSENT and path == "layout.at":  # two things of one name are two things; two places for steps are not
        base = {}
    if depth and all(isinstance(version, dict) for version in (base, theirs, yours)):
        parts = {
            key: _merge_value(
                merged,
                f"{path}.{key}",
                (base.get(key, _ABSENT), theirs.get(key, _ABSENT), yours.get(key, _ABSENT)),
                depth - 1,
            )
            for key in _keys(base, theirs, yours)
        }
        return {key: part for key, part in parts.items() if part is not _ABSENT}
    merged.clashes.append(Clash(path, *(None if version is _ABSENT else version for version in versions)))
    return theirs


def _merge_list(merged: Merged, path: str, versions: tuple[Json, Json, Json]) -> Json:
    """Merges per id; the order is yours, and what only they have follows behind."""
    base, theirs, yours = ({one["id"]: one for one in ([] if v is _ABSENT else v)} for v in versions)
    parts = _merge_value(merged, path, (base, theirs, yours), depth=2)
    order = theirs if list(yours) == list(base) else yours
    return [parts[key] for key in _keys(order, theirs, parts) if key in parts]


def _same(a: Json, b: Json) -> bool:
    """Equal as JSON: to Python true is 1 too."""
    if a is _ABSENT or b is _ABSENT:
        return a is b
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _keys(*mappings: Mapping[str, Json]) -> Sequence[str]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))
