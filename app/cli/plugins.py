"""Commands for who writes steps: steps new and steps check."""

import argparse

from app.config import Settings
from app.contract.checking import check_package
from app.contract.fresh_package import write_package
from app.wiring import STEP_PACKAGES
from flows.errors import FlowError
from flows.registry import Registry


def _new(_: Settings, given: argparse.Namespace) -> int:
    if given.name in Registry.discover(STEP_PACKAGES).types():
        raise FlowError(
            f"Patchbay has a step “{given.name}” already, and would not start with two: choose another name."
        )
    made = write_package(given.name, given.folder)
    folder = made.folder if made.folder.is_absolute() else f"./{made.folder}"
    print(f"{folder} has a working step. Install it, check it, and start Patchbay again:")
    print(f"  .venv/bin/pip install -e {folder}", f"  .venv/bin/patchbay steps check {made.package}", sep="\n")
    return 0


def _check(_: Settings, given: argparse.Namespace) -> int:
    broken = 0
    for type_, faults in check_package(given.package, STEP_PACKAGES):
        print(f"{type_}: {'all is well' if not faults else ''}".rstrip(), flush=True)
        for fault in faults:
            print(f"  {f'{fault.place}: ' if fault.place else ''}{fault.sentence} {fault.mend}")
        broken += bool(faults)
    return 1 if broken else 0


COMMANDS = {"new": _new, "check_steps": _check}
