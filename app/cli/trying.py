"""Commands with which a person tries flows: call, and flows check, play and test."""

import argparse
import sys
from collections.abc import Iterator

from app.cli.saying import say
from app.config import Settings
from app.flow_files import check_file
from app.flow_playing import Scene, play_file
from app.flow_testing import run_file
from app.telephone import CALLER, Receiver, call


def _call(settings: Settings, given: argparse.Namespace) -> int:
    return call(settings, given.number, given.caller or CALLER, given.url, Receiver(script=given.script))


def _check(settings: Settings, given: argparse.Namespace) -> int:
    found = check_file(settings, given.file)
    say(found.lines)
    return 1 if found.blocks else 0


def _play(settings: Settings, given: argparse.Namespace) -> int:
    scene = Scene(given.phone, given.name, given.language, given.answers, given.trace, given.beside)
    say(play_file(settings, given.file, scene, _typed()))
    return 0


def _test(settings: Settings, given: argparse.Namespace) -> int:
    report = run_file(settings, given.file, given.beside)
    say(report.lines)
    return 0 if report.passed else 1


def _typed() -> Iterator[str]:
    """The lines a person types, or those of a file."""
    while True:
        try:
            yield input("» " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            return


COMMANDS = {"call": _call, "check": _check, "play": _play, "test": _test}
