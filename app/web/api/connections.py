"""The API's connections: a channel with one account's settings; its secrets go in and never come out."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from sqlalchemy import select

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.channels.contract import Channel
from app.channels.registry import UnknownChannel, channel_of, channels
from app.db import now
from app.directory import open_connection, seal_secrets
from app.errors import Conflict, Invalid
from app.house import House
from app.models import Connection, Mailbox
from app.web.api.answers import Instant, PageData
from app.web.api.doors import SLUG, YES_NO, Asked, Noun, Schema, fields, text
from app.web.api.holding import held
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import named, refuse_taken
from flows.values import canonical_json, in_one_line

noun = Noun("connections", Right.READ_SETTINGS, Right.EDIT_SETTINGS)


class ConnectionData(TypedDict):
    """A connection: a channel with one account's settings; `kind` is the channel's."""

    name: str
    kind: str
    settings: Annotated[dict[str, Any], "Of the form of the channel's `settings_schema`."]
    secrets: Annotated[dict[str, bool], "Whether each secret is entered, by its name."]
    enabled: bool
    webhooks: Annotated[dict[str, str], "The addresses that the provider must call, by what they are for."]
    created_at: Instant


class MailboxData(TypedDict):
    """What the latest look into a mailbox said; `failures` are those since a look that worked."""

    connection: str
    enabled: bool
    works: bool
    problem: Annotated[str, "A sentence; empty where there is none."]
    failures: int
    looked_at: Instant | None
    next_look_at: Annotated[Instant | None, "Null while the connection is switched off, and until a worker knows it."]


_SECRETS: Schema = {"type": "object", "additionalProperties": text(8_192), "maxProperties": 20}
_CHANGES = {"settings": {"type": "object"}, "secrets": _SECRETS, "enabled": YES_NO}


@noun.get("/connections", {**PAGE, **SEARCH})
def list_connections(asked: Asked) -> PageData[ConnectionData]:
    """All connections; of each secret only whether it is set."""
    with asked.house.database.reading() as session:
        rows = session.scalars(
            select(Connection)
            .where(Connection.id > asked.query.get("after", 0), searched(asked.query, Connection.name))
            .order_by(Connection.id)
            .limit(wanted(asked.query))
        ).all()
    return page(rows, asked.query, lambda row: _shown(asked.house, row), lambda row: row.id)


@noun.post("/connections", fields({"name": SLUG, "kind": text(40, 1), **_CHANGES}, "name", "kind"), status=201)
def create_connection(asked: Asked) -> ConnectionData:
    """A new connection; its name stands in the addresses of its webhooks."""
    name, channel = asked.body["name"], _channel(asked.body["kind"])
    settings = asked.body.get("settings", {})
    held(channel.settings_schema, settings, "the settings")
    secrets = _secrets(channel, {}, asked.body.get("secrets", {}))
    with asked.house.database.transaction() as session:
        refuse_taken(session, Connection, name)
        row = Connection(
            name=name,
            kind=channel.kind,
            settings=canonical_json(settings),
            sealed=seal_secrets(name, secrets, asked.house.key),
            enabled=asked.body.get("enabled", True),
            created_at=now(session),
        )
        session.add(row)
        note_act(session, asked.who, "create_connection", name)
        session.flush()
        return _shown(asked.house, row)


@noun.get("/connections/<connection>")
def read_connection(asked: Asked, connection: str) -> ConnectionData:
    """One connection, with the addresses its provider must call."""
    with asked.house.database.reading() as session:
        return _shown(asked.house, named(session, Connection, connection))


@noun.get("/connections/<connection>/mailbox")
def read_mailbox(asked: Asked, connection: str) -> MailboxData:
    """What the latest look into a connection's mailbox said, and when a worker looks next; 409 for what has none."""
    with asked.house.database.reading() as session:
        row = named(session, Connection, connection)
        channel = channels().get(row.kind)
        if channel is None or not channel.fetches:
            raise Conflict(f"Nothing is fetched for “{row.name}”: what comes to it is sent to us.", "no_mailbox")
        mailbox = session.get(Mailbox, row.id)
        return {
            "connection": row.name,
            "enabled": row.enabled,
            "works": mailbox is not None and mailbox.failures == 0 and mailbox.looked_at is not None,
            "problem": mailbox.problem if mailbox else "",
            "failures": mailbox.failures if mailbox else 0,
            "looked_at": mailbox.looked_at.isoformat() if mailbox and mailbox.looked_at else None,
            "next_look_at": mailbox.next_look_at.isoformat() if mailbox and row.enabled else None,
        }


@noun.patch("/connections/<connection>", fields(_CHANGES))
def change_connection(asked: Asked, connection: str) -> ConnectionData:
    """Changes what is named; an empty secret is taken away. A new address in the settings asks for all secrets."""
    with asked.house.database.transaction() as session:
        row = named(session, Connection, connection, locked=True)  # all secrets are one sealed value
        channel = _channel(row.kind)
        known = dict(open_connection(row, asked.house.key, "").secrets)
        given = asked.body.get("secrets", {})
        if "settings" in asked.body:
            held(channel.settings_schema, asked.body["settings"], "the settings")
            _refuse_other_receiver(channel, json.loads(row.settings), asked.body["settings"], (known, given))
            row.settings = canonical_json(asked.body["settings"])
        if given:
            row.sealed = seal_secrets(row.name, _secrets(channel, known, given), asked.house.key)
        row.enabled = asked.body.get("enabled", row.enabled)
        note_act(session, asked.who, "change_connection", f"{row.name}: {', '.join(sorted(asked.body)) or 'nothing'}")
        session.flush()
        return _shown(asked.house, row)


def _channel(kind: str) -> Channel:
    try:
        return channel_of(kind)
    except UnknownChannel:
        known = ", ".join(channels())
        raise Invalid(
            f"No channel {kind!r} is installed; installed are {known}.", "unknown_kind", field="kind"
        ) from None


def _secrets(channel: Channel, known: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    unknown = [name for name in given if name not in channel.secret_fields]
    if unknown:
        fields_ = ", ".join(channel.secret_fields) or "no secrets at all"
        raise Invalid(
            f"{channel.title} has no secret “{unknown[0][:80]}”; it has {fields_}.",
            "unknown_secret",
            field=f"secrets.{unknown[0][:80]}",
        )
    for name, value in given.items():
        lines = value.replace("\r\n", "\n").split("\n") if name in channel.secrets_in_lines else [value]
        if any(in_one_line(line) != line for line in lines):  # imaplib would pass a line break on, as another command
            sentence = f"The {name} holds a line break or another control character: enter it as one line."
            raise Invalid(sentence, "bad_secret", field=f"secrets.{name}")
    return {name: value for name, value in {**known, **given}.items() if value}


def _refuse_other_receiver(
    channel: Channel,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    secrets: tuple[Mapping[str, str], Mapping[str, str]],
) -> None:
    """Nobody who may change settings can have stored secrets sent to a host of their own; `secrets`: known, given."""
    known, given = secrets
    changed = [
        name
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
        and (name in channel.receivers or any("://" in str(settings.get(name, "")) for settings in (before, after)))
    ]
    missing = sorted(set(known) - set(given))
    if changed and missing:
        raise Invalid(
            f"“{changed[0]}” is where secrets are sent to: enter {', '.join(missing)} again together with it.",
            "secrets_needed",
            field="secrets",
        )


def _shown(house: House, row: Connection) -> ConnectionData:
    info = open_connection(row, house.key, house.settings.effective_public_url)
    channel = channels().get(row.kind)
    secret_fields = channel.secret_fields if channel else tuple(info.secrets)
    return {
        "name": row.name,
        "kind": row.kind,
        "settings": dict(info.settings),
        "secrets": {name: bool(info.secrets.get(name)) for name in secret_fields},
        "enabled": row.enabled,
        "webhooks": dict(channel.webhook_addresses(info)) if channel else {},
        "created_at": row.created_at.isoformat(),
    }
