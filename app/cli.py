"""The command line: `patchbay COMMAND`, also `python -m app.cli COMMAND`."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy.exc import DatabaseError, OperationalError

from app.accounts.tokens import create_token
from app.config import Settings
from app.consistency import breaches
from app.db import DatabaseUnavailable
from app.errors import DomainError
from app.flow_files import check_file
from app.flow_playing import Scene, play_file
from app.launch.commands import web_arguments
from app.launch.launcher import launch
from app.launch.preflight import CannotStart, check_port, check_sqlite, make_data_folder
from app.log_lines import write_json_lines
from app.seeding import prepare
from app.sweeper import main as sweep_forever
from app.telephone import CALLER, Receiver, call
from app.wiring import START_REFUSALS, open_house
from app.worker import main as work_forever
from flows.errors import FlowError

Command = Callable[[Settings, argparse.Namespace], int]
_REFUSALS = (*START_REFUSALS, CannotStart, DomainError, FlowError, DatabaseUnavailable)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code. What cannot be done is said in one sentence on standard error."""
    given = _reader().parse_args(arguments)
    command: Command = given.command
    try:
        return command(Settings.from_environment(os.environ), given)
    except _REFUSALS as reason:
        return _refuse(str(reason))
    except DatabaseError as problem:
        if type(problem) not in (DatabaseError, OperationalError):
            raise  # a statement of ours is wrong
        why = str(problem.orig).strip().partition("\n")[0]
        return _refuse(f"The database cannot be reached or written ({why}): look at DATABASE_URL and PATCHBAY_DATA.")
    except OSError as problem:
        return _refuse(f"{problem.filename or 'A file'}: {problem.strerror or problem}.")


def _reader() -> argparse.ArgumentParser:
    reader = argparse.ArgumentParser(prog="patchbay", description="Answers calls and messages by published flows.")
    commands = reader.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Command, help_text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_text, description=help_text)
        made.set_defaults(command=command)
        return made

    add("run", _run, "start everything on this machine, until Ctrl-C")
    add("web", _web, "serve web alone")
    add("worker", _work, "take turns and send messages")
    add("sweep", _sweep, "wake whatever is due, once a second")
    add("migrate", _migrate, "bring the database up to date; fill an empty one")
    add("token", _token, "make an API token and print it once").add_argument("name", metavar="NAME")
    calling = add("call", _call, "telephone a number of a simulated connection, in this terminal")
    calling.add_argument("number", metavar="NUMBER", help="the number's name, such as support-line")
    calling.add_argument("--from", dest="caller", metavar="NUMBER", default=CALLER, help="who calls (%(default)s)")
    calling.add_argument("--url", default="", help="where web is reached, when that is not its public address")
    calling.add_argument("--script", metavar="WORDS", help='what the caller does, such as "1 2# y", instead of typing')
    add("consistency", _consistency, "print each state of the database that must not be; exit 1 if there is one")
    _add_flows(commands.add_parser("flows", help="what to do with a flow in a file"))
    return reader


def _add_flows(reader: argparse.ArgumentParser) -> None:
    commands = reader.add_subparsers(title="commands", metavar="COMMAND", required=True)
    checking = commands.add_parser("check", help="print all findings about a flow; exit 1 if one is blocking")
    checking.add_argument("file", metavar="FILE", type=Path)
    checking.set_defaults(command=_check)
    playing = commands.add_parser("play", help="talk to a flow in the terminal; nothing is sent or asked in earnest")
    playing.add_argument("file", metavar="FILE", type=Path)
    playing.add_argument("--phone", default="", help="the contact's telephone number")
    playing.add_argument("--name", default="", help="the contact's name")
    playing.add_argument("--language", default="", help="the contact's language, such as pl")
    playing.add_argument("--answers", type=Path, help="a JSON file with prepared answers for each step that asks")
    playing.add_argument("--trace", action="store_true", help="print what each step did and why")
    playing.set_defaults(command=_play)


def _run(settings: Settings, _: argparse.Namespace) -> int:
    # A line per request would drive the one-time link off the screen.
    quiet = {"LOG_LEVEL": "warning", **settings.environment}
    return launch(dataclasses.replace(settings, environment=quiet), prepare)


def _web(settings: Settings, _: argparse.Namespace) -> int:
    _require_order(settings)
    check_port(settings.host, settings.port, "PORT")
    arguments = web_arguments()
    os.execv(arguments[0], arguments)  # noqa: S606  our own Python; there is no shell


def _work(settings: Settings, _: argparse.Namespace) -> int:
    write_json_lines(settings.log_level)
    _require_order(settings)
    return work_forever(settings)


def _sweep(settings: Settings, _: argparse.Namespace) -> int:
    write_json_lines(settings.log_level)
    _require_order(settings)
    return sweep_forever(settings)


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    make_data_folder(settings.data_folder)
    check_sqlite(settings)
    _print(["The database is up to date.", *prepare(settings)])
    return 0


def _token(settings: Settings, given: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.transaction() as session:
        text = create_token(session, given.name, "command line")
    _print([text])
    return 0


def _call(settings: Settings, given: argparse.Namespace) -> int:
    return call(settings, given.number, given.caller, given.url, Receiver(script=given.script))


def _check(settings: Settings, given: argparse.Namespace) -> int:
    found = check_file(settings, given.file)
    _print(found.lines)
    return 1 if found.blocks else 0


def _consistency(settings: Settings, _: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.reading() as session:
        found = breaches(session)
    _print([str(breach) for breach in found] or ["No breach was found."])
    return 1 if found else 0


def _require_order(settings: Settings) -> None:
    """Says in one sentence what is wrong before processes are made that would say it again and again."""
    with open_house(settings):
        return


def _play(settings: Settings, given: argparse.Namespace) -> int:
    scene = Scene(given.phone, given.name, given.language, given.answers, given.trace)
    for line in play_file(settings, given.file, scene, _typed()):
        print(line, flush=True)
    return 0


def _typed() -> Iterator[str]:
    """The lines a person types, or those of a file."""
    while True:
        try:
            yield input("» " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            return


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _refuse(sentence: str) -> int:
    print(f"patchbay: {sentence}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
