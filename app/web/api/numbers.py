"""The API's numbers: what flows answer, by the names flows know."""

import json
import secrets
from typing import Annotated, Any, TypedDict

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.channels.contract import Channel
from app.channels.phone_number import read_phone_number
from app.channels.registry import channel_of
from app.connecting import Told, queue_telling, told
from app.db import now
from app.errors import Conflict, Invalid
from app.models import Connection, FlowRow, Installation, LiveNumber, Number
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.doors import COUNTRY, LANGUAGE, SLUG, YES_NO, Asked, Noun, fields, line, text, whole
from app.web.api.holding import held
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import named, refuse_taken
from flows.values import canonical_json

noun = Noun("numbers", Right.READ_SETTINGS, Right.EDIT_SETTINGS)


class AnsweringFlowData(TypedDict):
    """A flow that answers a number now, and what of it."""

    flow: str
    answers: Annotated[str, OneOf(("calls", "messages", "keywords"))]


class ToldData(TypedDict):
    """What the carrier was last told about a number."""

    state: Annotated[str, OneOf(("queued", "sending", "sent", "unknown", "dead", "cancelled"))]
    error: Annotated[str, "Why it is unknown or dead, or needs another attempt; else empty."]
    asked_at: Instant
    settled_at: Instant | None
    addresses: Annotated[dict[str, str], "Which addresses to call, by the carrier's names for them."]


class NumberData(TypedDict):
    """What flows answer: a telephone number, a chat widget, a mailbox."""

    name: str
    connection: str
    value: Annotated[str, "A telephone number as E.164, else what its channel keeps."]
    answers_calls: bool
    answers_messages: bool
    country: str
    language: str
    fallback_number: Annotated[str, "As E.164, or empty."]
    rate_per_second: Annotated[float, "How many messages may leave in a second; 0 for no such limit."]
    burst: int
    settings: Annotated[dict[str, Any], "Of the form of the channel's `number_settings_schema`."]
    flows: list[AnsweringFlowData]
    carrier: Annotated[ToldData | None, "Null where no carrier was ever told."]
    created_at: Instant


_CHANGES = {
    "answers_calls": YES_NO,
    "answers_messages": YES_NO,
    "country": COUNTRY,
    "language": LANGUAGE,
    "fallback_number": text(40),
    "rate_per_second": {"type": "number", "minimum": 0, "maximum": 10_000},
    "burst": whole(1, 10_000),
    "settings": {"type": "object"},
}
_NEW = {"name": SLUG, "connection": SLUG, "value": line(200, 1), **_CHANGES}


@noun.get("/numbers", {**PAGE, **SEARCH, "connection": SLUG})
def list_numbers(asked: Asked) -> PageData[NumberData]:
    """All numbers, and what answers them now."""
    with asked.house.database.reading() as session:
        query = _query().where(Number.id > asked.query.get("after", 0)).order_by(Number.id)
        query = query.where(searched(asked.query, Number.name, Number.value))
        if "connection" in asked.query:
            query = query.where(Connection.name == asked.query["connection"])
        rows = session.execute(query.limit(wanted(asked.query))).all()
        ids = [row[0].id for row in rows]
        live, known = _live(session, ids), told(session, ids)
    return page(
        rows,
        asked.query,
        lambda row: _shown(row, live.get(row[0].id, []), known.get(row[0].id)),
        lambda row: row[0].id,
    )


@noun.post("/numbers", fields(_NEW, "name", "connection", "value"), status=201)
def create_number(asked: Asked) -> NumberData:
    """A new number of a connection; a telephone number is kept as E.164."""
    with asked.house.database.transaction() as session:
        refuse_taken(session, Number, asked.body["name"])
        connection = named(session, Connection, asked.body["connection"])
        channel = channel_of(connection.kind)
        given = {"country": session.scalar(select(Installation.country)) or "", **asked.body}
        value = _value(channel, given["value"], given["country"])
        taken = select(Number.name).where(Number.connection_id == connection.id, Number.value == value)
        if (other := session.scalar(taken)) is not None:
            raise Conflict(f"The number “{other}” has the value {value} already.", "value_taken", field="value")
        row = Number(name=asked.body["name"], connection_id=connection.id, value=value, created_at=now(session))
        _change(row, channel, given)
        if "rate_per_second" not in asked.body:
            rates = channel.usual_rates.items()
            row.rate_per_second = next((rate for begins, rate in rates if value.startswith(begins)), 0.0)
        session.add(row)
        session.flush()
        return _one(session, row.name)


@noun.get("/numbers/<number>")
def read_number(asked: Asked, number: str) -> NumberData:
    """One number."""
    with asked.house.database.reading() as session:
        return _one(session, named(session, Number, number).name)


@noun.patch("/numbers/<number>", fields(_CHANGES))
def change_number(asked: Asked, number: str) -> NumberData:
    """Changes what is named."""
    with asked.house.database.transaction() as session:
        row = named(session, Number, number)
        _change(row, channel_of(session.get_one(Connection, row.connection_id).kind), asked.body)
        session.flush()
        return _one(session, row.name)


@noun.post("/numbers/<number>/connect", status=202)
def connect_number(asked: Asked, number: str) -> NumberData:
    """Has our addresses entered at the carrier and read back, as publishing does; `carrier` shows what came of it."""
    with asked.house.database.transaction() as session:
        row = named(session, Number, number)
        key = f"connect/{row.id}/{secrets.token_hex(8)}"  # to be told twice does no harm: only the latest is told
        if not queue_telling(session, asked.house, row, key):
            sentence = f"“{row.name}” needs no connecting: no carrier has to know its address."
            raise Conflict(sentence, "nothing_to_connect")
        note_act(session, asked.who, "connect_number", row.name)
        session.flush()
        return _one(session, row.name)


def _change(row: Number, channel: Channel, given: Any) -> None:
    if "settings" in given:
        held(channel.number_settings_schema, given["settings"], "the settings")
        row.settings = canonical_json(given["settings"])
    if given.get("fallback_number"):
        fallback = read_phone_number(given["fallback_number"], given.get("country", row.country or ""))
        if not fallback:
            raise Invalid(
                "The fallback number is no telephone number: write it like +48221234567.",
                "bad_number",
                field="fallback_number",
            )
        given = {**given, "fallback_number": fallback}
    for name in _CHANGES:
        if name in given and name != "settings":
            setattr(row, name, given[name])


def _value(channel: Channel, value: str, country: str) -> str:
    number = channel.spelled(value, country)
    if not number:
        raise Invalid(f"“{value[:80]}” is no {channel.written}.", "bad_number", field="value")
    return number


def _one(session: Session, name: str) -> NumberData:
    row = session.execute(_query().where(Number.name == name)).one()
    id_ = row[0].id
    return _shown(row, _live(session, [id_]).get(id_, []), told(session, [id_]).get(id_))


def _query() -> Select[Number, str]:
    return select(Number, Connection.name).join(Connection, Connection.id == Number.connection_id)


def _live(session: Session, ids: list[int]) -> dict[int, list[AnsweringFlowData]]:
    found: dict[int, list[AnsweringFlowData]] = {}
    for live, flow in session.execute(
        select(LiveNumber, FlowRow.name)
        .join(FlowRow, FlowRow.id == LiveNumber.flow_id)
        .where(LiveNumber.number_id.in_(ids))
        .order_by(LiveNumber.id)
        .limit(1_000)
    ):
        what = "keywords" if live.slot.startswith("keywords:") else live.kind
        found.setdefault(live.number_id, []).append({"flow": flow, "answers": what})
    return found


def _shown(row: Row[Number, str], live: list[AnsweringFlowData], known: Told | None) -> NumberData:
    number, connection = row
    return {
        "name": number.name,
        "connection": connection,
        "value": number.value,
        "answers_calls": number.answers_calls,
        "answers_messages": number.answers_messages,
        "country": number.country,
        "language": number.language,
        "fallback_number": number.fallback_number,
        "rate_per_second": number.rate_per_second,
        "burst": number.burst,
        "settings": json.loads(number.settings),
        "flows": live,
        "carrier": None
        if known is None
        else {
            "state": known.state,
            "error": known.error,
            "asked_at": known.asked_at.isoformat(),
            "settled_at": None if known.settled_at is None else known.settled_at.isoformat(),
            "addresses": known.addresses,
        },
        "created_at": number.created_at.isoformat(),
    }
