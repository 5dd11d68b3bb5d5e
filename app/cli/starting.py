"""Commands that start Patchbay, or bring its database in order: run, web and migrate."""

import argparse
import dataclasses
import os
from collections.abc import Sequence

from app.config import Settings
from app.launch.commands import web_arguments
from app.launch.launcher import launch
from app.launch.preflight import check_port, check_sqlite, make_data_folder
from app.seeding import prepare
from app.wiring import open_house


def _run(settings: Settings, _: argparse.Namespace) -> int:
    # A line per request would drive the one-time link off the screen.
    quiet = {"LOG_LEVEL": "warning", **settings.environment}
    return launch(dataclasses.replace(settings, environment=quiet), _prepared)


def _prepared(settings: Settings) -> Sequence[str]:
    """What `prepare` says, where a house can be built: a broken plugin is named once, and no child starts in vain."""
    lines = prepare(settings)
    with open_house(settings):
        return lines


def _web(settings: Settings, _: argparse.Namespace) -> int:
    with open_house(settings):  # what is wrong is said once, and not by each process again and again
        pass
    check_port(settings.host, settings.port, "PORT")
    arguments = web_arguments()
    os.execv(arguments[0], arguments)  # noqa: S606  our own Python; there is no shell


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    make_data_folder(settings.data_folder)
    check_sqlite(settings)
    print("The database is up to date.", *prepare(settings), sep="\n", flush=True)
    return 0


COMMANDS = {"run": _run, "web": _web, "migrate": _migrate}
