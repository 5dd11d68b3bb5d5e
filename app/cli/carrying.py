"""Commands that carry flows between installations: flows export and flows import."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.accounts.audit import note_act
from app.cli.saying import say
from app.config import Settings
from app.errors import Conflict, Invalid
from app.flow_files import read_file
from app.publishing import ask_ahead
from app.publishing.import_plan import Choices, Plan, plan
from app.publishing.importing import Undecided, apply, export_all
from app.wiring import open_house

_AUTHOR = "command line"
_DOES = {"create": "is new", "revise": "becomes revision", "nothing": "is here already as revision"}


def _export(settings: Settings, given: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.transaction() as session:
        text = export_all(session, house, given.names)
        note_act(session, _AUTHOR, "export_flows", ", ".join(given.names)[:1_000] or "all")
    if given.output is None:
        sys.stdout.write(text)
    else:
        given.output.write_text(text, encoding="utf-8")
    return 0


def _import(settings: Settings, given: argparse.Namespace) -> int:
    file = read_file(settings, given.file)
    choices = Choices(dict(_pairs(given.named, "--as")), _decisions(given), given.leave_missing)
    with open_house(settings) as house:
        if given.plan:
            with house.database.reading() as session:
                planned = plan(session, house, file, choices)
            say(_lines(planned))
            return 1 if planned.is_open else 0
        if house.steps.has_plugins:
            with house.database.reading() as session:
                planned = plan(session, house, file, choices)
            ask_ahead(house.steps, *(one.flow for one in planned.flows))
        try:
            with house.database.transaction() as session:
                done, _ = apply(session, house, file, choices, _AUTHOR)
        except Undecided as undecided:
            how = "Say --use, --create or --leave-missing; --plan shows everything. Nothing was imported."
            raise Invalid(f"{undecided} {how}") from None
        except IntegrityError:
            sentence = "Somebody made something of the same name at that moment: nothing was imported. Do it again."
            raise Conflict(sentence) from None
    say(_lines(done))
    return 0


def _lines(planned: Plan) -> list[str]:
    lines = [
        f"flow “{one.name}” {_DOES[one.does]}{'' if one.does == 'create' else f' {one.revision}'}"
        for one in planned.flows
    ]
    for need in planned.needs:
        told = ". ".join(filter(None, (_state(need.state, need.use), need.sentence)))
        lines.append(f"{need.kind} “{need.name}”: {told}")
    return [*lines, *(f"step type “{type_}” is not installed here" for type_ in planned.unknown_steps)]


def _state(state: str, use: str) -> str:
    words = {"found": "found", "created": "created", "chosen": f"“{use}” is used instead"}
    return words.get(state, "")


def _decisions(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for thing, other in _pairs(given.use, "--use"):
        kind, name = _kind_and_name(thing)
        found.setdefault(kind, {})[name] = {"use": other}
    for one in given.create:
        thing, _, value = one.partition("=")
        kind, name = _kind_and_name(thing)
        if kind == "credentials":
            raise Invalid("A secret does not belong into a command: create the credential in the settings or the API.")
        found.setdefault(kind, {})[name] = {"create": {"value": _value(value)} if kind == "constants" else _group(one)}
    return found


def _group(one: str) -> dict[str, Any]:
    """What a thing is made of, such as calendars.office={"zone": "Europe/Warsaw", …}; nothing where nothing is said."""
    thing, equals, value = one.partition("=")
    found = _value(value) if equals else {}
    if not isinstance(found, dict):
        raise Invalid(f'What {thing[:80]} is made of is a JSON object, such as {{"title": "Office"}}.')
    return found


def _pairs(given: Sequence[str], option: str) -> list[tuple[str, str]]:
    for one in given:
        if "=" not in one:
            raise Invalid(f"{option} takes OLD=NEW, not “{one[:80]}”.")
    return [(old, new) for old, _, new in (one.partition("=") for one in given)]


def _kind_and_name(thing: str) -> tuple[str, str]:
    kind, dot, name = thing.partition(".")
    if not dot:
        raise Invalid(f"Say what it is and its name, such as queues.standard, not “{thing[:80]}”.")
    return kind, name


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


COMMANDS = {"export": _export, "import": _import}
