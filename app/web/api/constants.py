"""The API's constants: values of the installation that flows read as `constants.<name>`."""

import json
from typing import Any, TypedDict

from sqlalchemy import select

from app.accounts.roles import Right
from app.db import now
from app.errors import Invalid
from app.models import Constant
from app.web.api.answers import Instant, PageData
from app.web.api.doors import Asked, Noun, Schema, fields, text
from app.web.api.holding import held
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import named
from flows.form import ID_PATTERN
from flows.values import NotJson, TooLarge, canonical_json, decode, encode, from_plain, to_json

noun = Noun("constants", Right.READ_SETTINGS, Right.EDIT_SETTINGS)


class ConstantData(TypedDict):
    """A constant: a text, a number, yes or no, a list or an object."""

    name: str
    value: Any
    changed_at: Instant


_NAME: Schema = {"type": "string", "pattern": ID_PATTERN}


@noun.get("/constants", {**PAGE, **SEARCH, "after": text(40)})
def list_constants(asked: Asked) -> PageData[ConstantData]:
    """All constants by name."""
    with asked.house.database.reading() as session:
        query = select(Constant).where(Constant.name > asked.query.get("after", "")).order_by(Constant.name)
        query = query.where(searched(asked.query, Constant.name))
        rows = session.scalars(query.limit(wanted(asked.query))).all()
    return page(rows, asked.query, _shown, lambda row: row.name)


@noun.put("/constants/<constant>", fields({"value": {}}, "value"))
def put_constant(asked: Asked, constant: str) -> ConstantData:
    """Makes a constant or replaces its value: a text, a number, yes or no, a list or an object."""
    held(fields({"name": _NAME}), {"name": constant}, "the name")
    try:
        value = canonical_json(encode(from_plain(asked.body["value"])))
    except (NotJson, TooLarge, ValueError) as problem:
        raise Invalid(f"This value cannot be kept: {problem}", "bad_value", field="value") from None
    if len(value.encode()) > asked.house.limits.variable_bytes:
        raise Invalid(f"A constant may have {asked.house.limits.variable_bytes >> 10} KiB.", "too_large", field="value")
    with asked.house.database.transaction() as session:
        row = session.merge(Constant(name=constant, value=value, changed_at=now(session)))
        session.flush()
        return _shown(row)


@noun.delete("/constants/<constant>")
def delete_constant(asked: Asked, constant: str) -> ConstantData:
    """Takes a constant away; flows that read it find nothing there."""
    with asked.house.database.transaction() as session:
        row = named(session, Constant, constant)
        session.delete(row)
        return _shown(row)


def _shown(row: Constant) -> ConstantData:
    return {
        "name": row.name,
        "value": json.loads(to_json(decode(json.loads(row.value)))),
        "changed_at": row.changed_at.isoformat(),
    }
