"""What the registry finds and what it refuses; the packages are written by the tests."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.errors import RegistryError
from flows.registry import Registry, installed, loaded

Packages = Callable[[dict[str, str]], str]

STEP = '''
from flows import form
from flows.step import Step

class {name}(Step):
    """Does nothing."""
    type = "{type}"
    title = "Nothing"
    group = "{group}"
    icon = "circle"
    schema = form.record({{}})
'''


def step(type_: str, name: str = "Nothing", group: str = "data") -> str:
    return STEP.format(name=name, type=type_, group=group)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Writes a package of the given files and returns its name; it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def write(files: dict[str, str]) -> str:
        name = f"kinds_of_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {"__init__.py": "", **files}.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        return name

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("kinds_of_"):
            del sys.modules[name]


def plugin(tmp_path: Path, value: str) -> None:
    """An installed distribution as far as entry points go."""
    folder = tmp_path / "stranger-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text(f"[test.steps]\nstranger = {value}\n", encoding="utf-8")


def test_every_module_of_a_package_is_found(package: Packages) -> None:
    name = package(
        {"dance.py": step("dance"), "sing.py": step("sing"), "_notes.py": "", "whistle/__init__.py": step("whistle")}
    )
    registry = Registry.discover([name])
    assert registry.types() == ("dance", "sing", "whistle")
    assert [found.type for found in registry] == ["dance", "sing", "whistle"]
    found = registry.get("dance")
    assert found is not None
    assert found.title == "Nothing"
    assert registry.get("fly") is None
    assert not registry.is_plugin("dance")


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"dance.py": step("sing")}, "its file is called otherwise"),
    ({"dance.py": ""}, "exactly one Step class and has: none"),
    ({"dance.py": step("dance") + step("dance", "Again")}, "exactly one Step class and has: Again, Nothing"),
    ({"Dance.py": step("Dance")}, "small letters"),
    ({"dance.py": step("dance", group="music")}, "needs one of the groups"),
    ({"dance.py": step("dance", group="trigger")}, "triggers subclass Trigger"),
    ({"dance.py": step("dance").replace("form.record({})", "{'type': 'string'}")}, "cannot be drawn"),
    ({"dance.py": step("dance").replace('"circle"', '""')}, "has no icon"),
    ({"dance.py": step("dance").replace('"""Does nothing."""', "")}, "has no docstring"),
    ({"dance.py": step("dance") + "    media = frozenset({'fax'})\n"}, "needs media"),
]


@pytest.mark.parametrize(("files", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_class_that_breaks_the_contract_is_refused(package: Packages, files: dict[str, str], sentence: str) -> None:
    with pytest.raises(RegistryError, match=sentence):
        Registry.discover([package(files)])


def test_a_plugin_is_told_by_its_entry_point_and_none_of_its_code_is_read(tmp_path: Path, package: Packages) -> None:
    package({})
    (tmp_path / "stranger.py").write_text("raise RuntimeError('this was read')", encoding="utf-8")
    plugin(tmp_path, "stranger:Nothing")
    assert [(point.name, point.value) for point in installed("test.steps")] == [("stranger", "stranger:Nothing")]


def test_a_plugins_class_is_told_from_a_built_in_one(package: Packages, tmp_path: Path) -> None:
    name = package({"dance.py": step("dance")})
    (tmp_path / "stranger.py").write_text(step("stranger"), encoding="utf-8")
    plugin(tmp_path, "stranger:Nothing")
    registry = Registry.discover([name], map(loaded, installed("test.steps")))
    assert registry.types() == ("dance", "stranger")
    assert registry.is_plugin("stranger")
    assert not registry.is_plugin("dance")
    del sys.modules["stranger"]


def test_two_classes_of_one_type_are_refused(package: Packages, tmp_path: Path) -> None:
    name = package({"dance.py": step("dance")})
    (tmp_path / "dance.py").write_text(step("dance"), encoding="utf-8")
    plugin(tmp_path, "dance:Nothing")
    with pytest.raises(RegistryError, match=r"“dance” stands in dance and in kinds_of_.*Rename one"):
        Registry.discover([name], map(loaded, installed("test.steps")))
    del sys.modules["dance"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("raise RuntimeError('no luck')", "cannot be loaded: no luck"), ("Nothing = 3", "is no subclass")],
)
def test_a_broken_plugin_is_named(tmp_path: Path, package: Packages, text: str, sentence: str) -> None:
    package({})
    (tmp_path / "stranger.py").write_text(text, encoding="utf-8")
    plugin(tmp_path, "stranger:Nothing")
    with pytest.raises(RegistryError, match=sentence):
        loaded(installed("test.steps")[0])
    sys.modules.pop("stranger", None)
