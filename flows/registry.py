"""The kinds of step an installation has: found in given packages and in plugins, checked once, then looked up."""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeGuard, get_args

from flows.errors import RegistryError, SchemaError
from flows.form import ID_PATTERN, check_schema
from flows.step import Group, Step, Trigger

ENTRY_POINT_GROUP = "patchbay.steps"

_TYPE = re.compile(ID_PATTERN.removesuffix("$"))


class Registry:
    """All kinds of step by type; a plugin's is told apart because it runs in a process of its own."""

    def __init__(self, built_in: Iterable[type[Step]], plugins: Iterable[type[Step]] = ()) -> None:
        """Take the classes.

        Raises: RegistryError for two classes of one type, or one that breaks the contract of `flows.step`.
        """
        self._steps: dict[str, Step] = {}
        for kind in built_in:
            self._add(kind)
        own = set(self._steps)
        for kind in plugins:
            self._add(kind)
        self._plugins = frozenset(set(self._steps) - own)

    @classmethod
    def discover(cls, packages: Sequence[str], plugins: Iterable[type[Step]] = ()) -> "Registry":
        """The classes in every module of the packages (named for import), and those of plugins.

        Raises: RegistryError.
        """
        return cls([found for package in packages for found in _in_package(package)], plugins)

    def get(self, type: str) -> Step | None:
        """The kind of step of that type, or None when this installation has none."""
        return self._steps.get(type)

    def types(self) -> tuple[str, ...]:
        """All types, sorted."""
        return tuple(sorted(self._steps))

    @property
    def has_plugins(self) -> bool:
        """Whether any type comes from a plugin."""
        return bool(self._plugins)

    def is_plugin(self, type: str) -> bool:
        """Whether the type comes from a plugin."""
        return type in self._plugins

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps[type] for type in self.types())

    def _add(self, kind: type[Step]) -> None:
        checked(kind)
        other = self._steps.get(kind.type)
        if other is not None:
            raise RegistryError(
                f"The step type “{kind.type}” stands in {kind.__module__} and in {type(other).__module__}. "
                "Rename one, or uninstall its plugin."
            )
        self._steps[kind.type] = kind()


def installed(entry_point_group: str = ENTRY_POINT_GROUP) -> Sequence[EntryPoint]:
    """What installed plugins name as their steps, in one order; none of their code is read."""
    return sorted(entry_points(group=entry_point_group), key=lambda point: (point.name, point.value))


def loaded(point: EntryPoint) -> type[Step]:
    """The class that a plugin names; this reads the plugin's code, which only the step host does.

    Raises: RegistryError.
    """
    try:
        found = point.load()
    except Exception as wrong:  # a door: what a stranger's module raises while it is imported can be anything
        raise RegistryError(
            f"The plugin step “{point.name}” ({point.value}) cannot be loaded: {wrong}. Mend or uninstall it."
        ) from wrong
    if not _is_kind(found):
        raise RegistryError(f"The plugin step “{point.name}” ({point.value}) is no subclass of flows.step.Step.")
    return found


def _in_package(package: str) -> Iterator[type[Step]]:
    home = importlib.import_module(package)
    for found in sorted(pkgutil.iter_modules(home.__path__), key=lambda module: module.name):
        if not found.name.startswith("_"):
            yield _in_module(importlib.import_module(f"{package}.{found.name}"))


def _in_module(module: ModuleType) -> type[Step]:
    kinds = {thing for thing in vars(module).values() if _is_kind(thing) and _is_of(thing, module)}
    if len(kinds) != 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "none"
        raise RegistryError(f"{module.__name__} needs exactly one Step class and has: {names}.")
    return kinds.pop()


def _is_kind(thing: Any) -> TypeGuard[type[Step]]:
    return isinstance(thing, type) and issubclass(thing, Step) and not thing.__name__.startswith("_")


def _is_of(kind: type[Step], module: ModuleType) -> bool:
    return kind.__module__ == module.__name__ or kind.__module__.startswith(f"{module.__name__}.")


def checked(kind: type[Step]) -> type[Step]:
    """The class, held against what can be said of it without running it.

    Raises: RegistryError.
    """
    name = f"{kind.__module__}.{kind.__qualname__}"
    type_ = getattr(kind, "type", "")
    if not isinstance(type_, str) or not _TYPE.fullmatch(type_):
        raise RegistryError(f"{name} needs a type of small letters, digits and underscores, and has “{type_}”.")
    if type_ not in kind.__module__.split("."):
        raise RegistryError(f"{name} has the type “{type_}”, but its file is called otherwise. Give both one name.")
    missing = [word for word in ("title", "group", "icon") if not _is_text(getattr(kind, word, None))]
    missing += [] if getattr(kind, "schema", None) else ["schema"]
    missing += [] if (kind.__doc__ or "").strip() else ["docstring"]
    if missing:
        raise RegistryError(f"{name} has no {', '.join(missing)}.")
    if kind.group not in get_args(Group) or (kind.group == "trigger") != issubclass(kind, Trigger):
        raise RegistryError(f"{name} needs one of the groups {', '.join(get_args(Group))}; triggers subclass Trigger.")
    if type(kind.format) is not int or kind.format < 1:
        raise RegistryError(f"{name} needs a format that is a whole number: 1, and one more for each upgrade.")
    if not all(_is_text(error) and _is_text(sentence) for error, sentence in kind.errors.items()):
        raise RegistryError(f"{name} needs a sentence for each of its errors.")
    if not kind.media or not kind.media <= {"call", "messages"}:
        raise RegistryError(f"{name} needs media: “call”, “messages” or both.")
    try:
        check_schema(kind.schema)
    except SchemaError as wrong:
        raise RegistryError(f"The form of {name} cannot be drawn. {wrong}") from wrong
    return kind


def _is_text(found: object) -> bool:
    return isinstance(found, str) and bool(found.strip())
