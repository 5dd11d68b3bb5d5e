"""Commands that keep a process working: worker and sweep."""

import argparse

from app.config import Settings
from app.log_lines import write_json_lines
from app.sweeper import main as sweep_forever
from app.wiring import open_house
from app.worker import main as work_forever


def _work(settings: Settings, _: argparse.Namespace) -> int:
    write_json_lines(settings.log_level)
    _require_order(settings)
    return work_forever(settings)


def _sweep(settings: Settings, _: argparse.Namespace) -> int:
    write_json_lines(settings.log_level)
    _require_order(settings)
    return sweep_forever(settings)


def _require_order(settings: Settings) -> None:
    """Says in one sentence what is wrong before processes are made that would say it again and again."""
    with open_house(settings):
        return


COMMANDS = {"worker": _work, "sweep": _sweep}
