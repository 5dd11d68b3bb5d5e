"""Plugins are read in a process of their own: one that cannot be read is named with its reason and hurts nobody."""

from pathlib import Path

import pytest

from app.step_host import kinds_of, open_host
from flows.errors import RegistryError
from flows.registry import Registry
from steps.end import EndStep
from tests.plugins import points_in, source, write_plugin


def _changed(good: str, bad: str) -> str:
    """A step that works, but for this."""
    text = source("works").replace('type = "works"', 'type = "bad"')
    assert good in text
    return text.replace(good, bad, 1)


UNREADABLE = [
    ("raise RuntimeError('no luck')", "“bad” .* cannot be loaded: no luck"),
    ("import os; os._exit(0)", "Reading the plugin step “bad” ends the process"),
    ("Strange = 3", "is no subclass"),
    (source("works"), "its file is called otherwise"),
    ("held = bytearray(5_000_000_000)", "“bad” .* cannot be loaded"),
    ("while True: pass", "Reading the plugin step “bad” takes longer than 2 s"),
    (_changed('title = "Strange"', "title = 7"), "has no title"),
    (_changed('icon = "bug"', "icon = 'bug'; format = '2'"), "needs a format that is a whole number"),
    (_changed('icon = "bug"', "icon = 'bug'; media = ['call']"), "“bad” cannot be described: TypeError"),
    (_changed('icon = "bug"', "icon = 'bug'; errors = {'x': 1}"), "needs a sentence for each of its errors"),
    (_changed("def run", "def fails(self): raise ValueError('no luck')\n\n    def run"), "described: ValueError"),
    (_changed("def run", "def __init__(self): raise ValueError('no luck')\n\n    def run"), "described: ValueError"),
]


@pytest.mark.parametrize(("text", "sentence"), UNREADABLE)
def test_a_plugin_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    if text.startswith("while"):
        monkeypatch.setattr("app.step_host.host._LOAD_SECONDS", 2.0)
    write_plugin(tmp_path, {"bad": text}, "unreadable")
    monkeypatch.syspath_prepend(tmp_path)
    with open_host(points_in(tmp_path, "unreadable")) as other, pytest.raises(RegistryError, match=sentence):
        kinds_of(other)


def test_two_plugins_of_one_type_and_one_of_a_built_in_type_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = source("works").replace('type = "works"', 'type = "end"')
    packages = {"one": {"works": source("works")}, "two": {"works": source("works")}, "three": {"end": ends}}
    for name, files in packages.items():
        write_plugin(tmp_path, files, name)
    monkeypatch.syspath_prepend(tmp_path)
    with open_host([*points_in(tmp_path, "one"), *points_in(tmp_path, "two"), *points_in(tmp_path, "three")]) as other:
        one, two, three = kinds_of(other)
    with pytest.raises(RegistryError, match=r"“works” stands in two\.works and in one\.works\. Rename one"):
        Registry([], [one, two])
    with pytest.raises(RegistryError, match=r"“end” stands in three\.end and in steps\.end\. Rename one"):
        Registry([EndStep], [three])
