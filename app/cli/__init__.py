"""The command line: `patchbay COMMAND`, also `python -m app.cli COMMAND`.

A command's module is read only when it is given, so that a worker that died is not kept waiting by what others need.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from sqlalchemy.exc import DatabaseError, OperationalError

from app.cli.saying import printable
from app.config import Settings
from app.db import DatabaseUnavailable
from app.errors import DomainError
from app.launch.preflight import CannotStart
from app.wiring import START_REFUSALS
from flows.errors import FlowError

Command = Callable[[Settings, argparse.Namespace], int]
_REFUSALS = (*START_REFUSALS, CannotStart, DomainError, FlowError, DatabaseUnavailable)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code. What cannot be done is said in one sentence on standard error."""
    given = _reader().parse_args(arguments)
    try:
        command: Command = import_module(f"{__name__}.{given.module}").COMMANDS[given.command]
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

    def add(name: str, module: str, help_text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_text, description=help_text)
        made.set_defaults(command=name, module=module)
        return made

    add("run", "starting", "start everything on this machine, until Ctrl-C")
    add("web", "starting", "serve web alone")
    add("worker", "processes", "take turns and send messages")
    add("sweep", "processes", "wake whatever is due, once a second")
    add("migrate", "starting", "bring the database up to date; fill an empty one")
    token = add("token", "people", "make an API token and print it once")
    token.add_argument("name", metavar="NAME")
    token.add_argument(
        "--scope", action="append", metavar="SCOPE", help="what it may do, again for more; by default all"
    )
    add("owner-link", "people", "print a link by which somebody becomes an owner: for a day, once")
    forgotten = add("password-link", "people", "print a link by which a person chooses a new password: for a day, once")
    forgotten.add_argument("email", metavar="EMAIL")
    calling = add("call", "trying", "telephone a number of a simulated connection, in this terminal")
    calling.add_argument("number", metavar="NUMBER", help="the number's name, such as support-line")
    calling.add_argument("--from", dest="caller", metavar="NUMBER", default="", help="who calls; by default somebody")
    calling.add_argument("--url", default="", help="where web is reached, when that is not its public address")
    calling.add_argument("--script", metavar="WORDS", help='what the caller does, such as "1 2# y", instead of typing')
    add("consistency", "records", "print each state of the database that must not be; exit 1 if there is one")
    _add_flows(commands.add_parser("flows", help="what to do with a flow in a file"))
    _add_steps(commands.add_parser("steps", help="what to do with a step of your own"))
    return reader


def _add_flows(reader: argparse.ArgumentParser) -> None:
    commands = reader.add_subparsers(title="commands", metavar="COMMAND", required=True)
    checking = commands.add_parser("check", help="print all findings about a flow; exit 1 if one is blocking")
    checking.add_argument("file", metavar="FILE", type=Path)
    checking.set_defaults(command="check", module="trying")
    testing = commands.add_parser("test", help="run the tests in a flow's document; exit 1 if one fails")
    testing.add_argument("file", metavar="FILE", type=Path)
    testing.add_argument("--with", dest="beside", metavar="FILE", type=Path, nargs="+", default=[], help="called flows")
    testing.set_defaults(command="test", module="trying")
    carrying = commands.add_parser("export", help="print flows as a file, with the names of what they need")
    carrying.add_argument("names", metavar="NAME", nargs="*", help="the flows' names; without any, all")
    carrying.add_argument("--output", metavar="FILE", type=Path, help="write the file instead of printing it")
    carrying.set_defaults(command="export", module="carrying")
    taking = commands.add_parser("import", help="take flows from a file, all of them or none")
    taking.add_argument("file", metavar="FILE", type=Path)
    taking.add_argument("--plan", action="store_true", help="only print what would happen; exit 1 if something is open")
    taking.add_argument("--as", dest="named", metavar="OLD=NEW", action="append", default=[], help="a flow's new name")
    taking.add_argument("--use", metavar="KIND.NAME=OTHER", action="append", default=[], help="use something else")
    taking.add_argument(
        "--create", metavar="KIND.NAME[=VALUE]", action="append", default=[], help="make a queue, segment, constant …"
    )
    taking.add_argument("--leave-missing", action="store_true", help="import although something is missing")
    taking.set_defaults(command="import", module="carrying")
    playing = commands.add_parser("play", help="talk to a flow in the terminal; nothing is sent or asked in earnest")
    playing.add_argument("file", metavar="FILE", type=Path)
    playing.add_argument("--phone", default="", help="the contact's telephone number")
    playing.add_argument("--name", default="", help="the contact's name")
    playing.add_argument("--language", default="", help="the contact's language, such as pl")
    playing.add_argument("--answers", type=Path, help="a JSON file with prepared answers for each step that asks")
    playing.add_argument("--with", dest="beside", metavar="FILE", type=Path, nargs="+", default=[], help="called flows")
    playing.add_argument("--trace", action="store_true", help="print what each step did and why")
    playing.set_defaults(command="play", module="trying")


def _add_steps(reader: argparse.ArgumentParser) -> None:
    commands = reader.add_subparsers(title="commands", metavar="COMMAND", required=True)
    making = commands.add_parser("new", help="write a package with one working step and its test")
    making.add_argument("name", metavar="NAME", help="the step's type, such as check_stock")
    making.add_argument("--folder", type=Path, help="where; by default patchbay-NAME here")
    making.set_defaults(command="new", module="plugins")
    checking = commands.add_parser("check", help="hold the steps of an installed package against the contract")
    checking.add_argument("package", metavar="PACKAGE", help="as it is installed, such as patchbay_check_stock")
    checking.set_defaults(command="check_steps", module="plugins")


def _refuse(sentence: str) -> int:
    print(f"patchbay: {printable(sentence)}", file=sys.stderr, flush=True)
    return 1
