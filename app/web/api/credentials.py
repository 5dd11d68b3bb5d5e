"""The API's credentials: bound to exact origins, sealed, and never read back."""

import json
from typing import Annotated, TypedDict

from sqlalchemy import select

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.credentials import KINDS, read_credential, seal_credential
from app.db import now
from app.models import CredentialRow
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.doors import SLUG, Asked, Noun, Schema, fields, one_of, text
from app.web.api.holding import held
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import named

noun = Noun("credentials", Right.READ_SETTINGS, Right.EDIT_CREDENTIALS)


class CredentialData(TypedDict):
    """A credential, without its secret; `origins` are the addresses it may be sent to."""

    name: str
    kind: Annotated[str, OneOf(tuple(KINDS))]
    origins: list[str]
    created_at: Instant
    changed_at: Instant


_SECRET: Schema = {"type": "object", "additionalProperties": text(8_192, 1), "maxProperties": 6}
_ORIGINS: Schema = {"type": "array", "items": text(300, 1), "maxItems": 20}


@noun.get("/credentials", {**PAGE, **SEARCH})
def list_credentials(asked: Asked) -> PageData[CredentialData]:
    """All credentials, without their secrets."""
    with asked.house.database.reading() as session:
        query = select(CredentialRow).where(CredentialRow.id > asked.query.get("after", 0)).order_by(CredentialRow.id)
        query = query.where(searched(asked.query, CredentialRow.name))
        rows = session.scalars(query.limit(wanted(asked.query))).all()
    return page(rows, asked.query, _shown, lambda row: row.id)


@noun.put(
    "/credentials/<credential>",
    fields({"kind": one_of(*KINDS), "origins": _ORIGINS, "secret": _SECRET}, "kind", "secret"),
)
def put_credential(asked: Asked, credential: str) -> CredentialData:
    """Makes a credential or replaces it whole: whoever changes its origins must enter the secret again."""
    held(fields({"name": SLUG}), {"name": credential}, "the name")
    read = read_credential(credential, asked.body["kind"], asked.body.get("origins", []), asked.body["secret"])
    with asked.house.database.transaction() as session:
        at = now(session)
        row = session.scalar(select(CredentialRow).where(CredentialRow.name == credential).with_for_update())
        did = "create_credential" if row is None else "change_credential"
        if row is None:
            row = CredentialRow(name=read.name, created_at=at)
            session.add(row)
        row.kind, row.origins, row.changed_at = read.kind, json.dumps(list(read.origins)), at
        row.sealed = seal_credential(asked.house.key, read)
        note_act(session, asked.who, did, f"{read.name} for {', '.join(read.origins)}")
        session.flush()
        return _shown(row)


@noun.delete("/credentials/<credential>")
def delete_credential(asked: Asked, credential: str) -> CredentialData:
    """Takes a credential away at once; flows that use it fail with secret_missing."""
    with asked.house.database.transaction() as session:
        row = named(session, CredentialRow, credential)
        session.delete(row)
        note_act(session, asked.who, "delete_credential", credential)
        return _shown(row)


def _shown(row: CredentialRow) -> CredentialData:
    return {
        "name": row.name,
        "kind": row.kind,
        "origins": json.loads(row.origins),
        "created_at": row.created_at.isoformat(),
        "changed_at": row.changed_at.isoformat(),
    }
