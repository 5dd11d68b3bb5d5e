"""The API's look at the other side: which numbers an account has at its carrier, and what a connection lacks."""

import json
import time
from dataclasses import replace
from typing import Annotated, TypedDict, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.channels.carrier_numbers import Capability, CarrierNumber
from app.channels.checks import Check, OwnNumber, State
from app.channels.contract import ChannelError, ConnectionInfo
from app.channels.registry import UnknownChannel, channel_of
from app.connection_checks import TEST_SECONDS, InTime, checked
from app.directory import open_connection
from app.errors import Conflict, Invalid
from app.models import Connection, Number
from app.outgoing import OutgoingError
from app.scrubbing import scrub
from app.sealing import SealBroken
from app.web.api.answers import OneOf, PageData
from app.web.api.doors import Asked, Noun, Schema
from app.web.api.lists import MOST, USUAL
from app.web.api.references import named
from app.web.refusals import Refusal
from flows.values import clean_text

noun = Noun("carriers", Right.EDIT_SETTINGS, Right.EDIT_SETTINGS)


class CarrierNumberData(TypedDict):
    """A number that the account has at its carrier."""

    value: str
    name: Annotated[str, "What the carrier calls it."]
    capabilities: list[Annotated[str, OneOf(get_args(Capability))]]
    webhooks: Annotated[dict[str, str], "The addresses that it calls now, by the carrier's names for them."]
    number: Annotated[str | None, "The name of our number that it is; null where it is none of ours."]


class CheckData(TypedDict):
    """One thing that was looked at; `mend` says what to do where it is not good."""

    name: Annotated[str, "What was looked at, such as secrets, credentials, number or webhooks."]
    state: Annotated[str, OneOf(get_args(State))]
    sentence: str
    mend: str
    number: Annotated[str | None, "The name of our number that it is about; null where it is about none."]


class ConnectionTestData(TypedDict):
    """What a test of a connection found; it works where nothing is wrong."""

    connection: str
    works: bool
    checks: list[CheckData]
    seconds: Annotated[float, "How long it took."]


_PLACE: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,300}$", "x-says": "`next` of the page before"}
_LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": MOST}


@noun.get("/connections/<connection>/carrier-numbers", {"limit": _LIMIT, "after": _PLACE})
def list_carrier_numbers(asked: Asked, connection: str) -> PageData[CarrierNumberData]:
    """The numbers that the account has at its carrier, the addresses each calls, and which of them are ours already."""
    with asked.house.database.reading() as session:
        info, _ = _opened(session, asked, connection)
        channel = channel_of(info.kind)
    if not channel.lists_numbers:
        sentence = f"{channel.title} has no carrier that lists its numbers: enter each one by hand."
        raise Conflict(sentence, "nothing_to_list")
    after, most = asked.query.get("after", ""), asked.query.get("limit", USUAL)
    try:
        page = channel.carrier_numbers(info, after, most, InTime(asked.house.http, TEST_SECONDS))
        found = [replace(one, value=clean_text(one.value)) for one in page.items]  # no database takes NUL
    except (ChannelError, OutgoingError) as error:
        raise Refusal(502, "carrier_refused", scrub(str(error), info.secrets.values())) from None
    with asked.house.database.reading() as session:
        rows = session.execute(
            select(Number.value, Number.name).where(
                Number.connection_id == info.id, Number.value.in_([one.value for one in found])
            )
        )
        ours = {row.value: row.name for row in rows}
    return {"items": [_listed(one, ours.get(one.value)) for one in found], "next": page.next or None}


@noun.post("/connections/<connection>/test")
def test_connection(asked: Asked, connection: str) -> ConnectionTestData:
    """Looks at all that has to be right for a connection, and names what is wrong and how to mend it; within 20 s."""
    began = time.monotonic()
    found: list[Check] = []
    with asked.house.database.reading() as session:
        row = named(session, Connection, connection)
        if not row.enabled:
            sentence = "The connection is switched off: nothing comes in by it, and nothing goes out."
            found.append(Check("enabled", "wrong", sentence, "Switch it on when all else is right."))
        try:
            info, numbers = _opened(session, asked, connection)
        except Invalid as refused:
            found.append(Check("secrets", "wrong", refused.sentence, "Enter all secrets of the connection again."))
            return _told(connection, found, {}, began)
    names = {number.value: name for name, number in numbers.items()}
    found += checked(info, list(numbers.values()), asked.house.http)
    if not numbers and not channel_of(info.kind).notices:
        mend = "Enter one among the numbers, so that flows can answer it."
        found.append(Check("number", "unknown", "No number belongs to this connection yet.", mend))
    return _told(connection, found, names, began)


def _opened(session: Session, asked: Asked, name: str) -> tuple[ConnectionInfo, dict[str, OwnNumber]]:
    """The connection, and its numbers by their names. Raises: NotFound, Invalid."""
    row = named(session, Connection, name)
    try:
        channel_of(row.kind)
        info = open_connection(row, asked.house.key, asked.house.settings.effective_public_url)
    except UnknownChannel as error:
        raise Invalid(str(error), "unknown_kind") from None
    except SealBroken:
        sentence = f"The secrets of “{name}” cannot be opened with this installation's key."
        raise Invalid(sentence, "seal_broken") from None
    rows = session.scalars(select(Number).where(Number.connection_id == row.id).order_by(Number.id).limit(MOST))
    return info, {one.name: _own(one) for one in rows}


def _own(row: Number) -> OwnNumber:
    return OwnNumber(row.value, row.answers_calls, row.answers_messages, json.loads(row.settings))


def _listed(number: CarrierNumber, name: str | None) -> CarrierNumberData:
    return {
        "value": number.value,
        "name": number.name,
        "capabilities": list(number.capabilities),
        "webhooks": dict(number.webhooks),
        "number": name,
    }


def _told(connection: str, found: list[Check], names: dict[str, str], began: float) -> ConnectionTestData:
    return {
        "connection": connection,
        "works": all(one.state != "wrong" for one in found),
        "checks": [
            {
                "name": one.name,
                "state": one.state,
                "sentence": one.sentence,
                "mend": one.mend,
                "number": names.get(one.number),
            }
            for one in found
        ],
        "seconds": round(time.monotonic() - began, 3),
    }
