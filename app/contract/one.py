"""Checks one step of a package in this process and writes down what is wrong; `app.contract.checking` starts it."""

import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from importlib.metadata import EntryPoint
from pathlib import Path

from app.contract.fault import Fault
from app.contract.purity import worldly_code
from app.contract.rules import faults_of
from flows.errors import RegistryError
from flows.registry import Registry, loaded
from flows.step import Step


def faults_at(point: EntryPoint, built_in: Sequence[str]) -> list[Fault]:
    """What is wrong with the step that an entry point names; nothing when all is well."""
    try:
        kind = loaded(point)
        registry = Registry.discover(built_in, [kind])
    except RegistryError as refusal:
        return [Fault("", str(refusal), "Patchbay would not start with it.")]
    step = registry.get(kind.type)
    return [*_code(kind), *(faults_of(step, registry) if step else ())]


def _code(kind: type[Step]) -> Iterator[Fault]:
    file = inspect.getsourcefile(kind)
    for found in worldly_code(Path(file)) if file else ():
        place, _, used = found.rpartition(": ")
        mend = "A step is a calculation: use `context.now`, a hash of the run's id, or an Ask."
        yield Fault(place, f"The code uses {used}.", mend)


def main(name: str, value: str, group: str, result: str, *built_in: str) -> None:
    """The command line of this module."""
    found = faults_at(EntryPoint(name, value, group), built_in)
    Path(result).write_text(json.dumps([astuple(fault) for fault in found]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
