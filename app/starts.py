"""Starting a run by the API: checked before anything begins, exactly once by its key, an inbox event like any other.

The inbox's unique (connection, provider id) makes it once (RELIABILITY §2): the same key with the same request is the
same answer, with another request it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.channels.registry import channel_of
from app.db import sql
from app.errors import Conflict, Invalid, NotFound
from app.models import Connection, LiveNumber, Number, Version
from app.store.beginnings import Place, address_of, conversation_at
from app.store.events import NewEvent, append
from flows import document, wire
from flows.answers import read_contact_email
from flows.document import PlacedStep
from flows.errors import FlowError
from flows.event import ApiCalled
from flows.limits import Limits
from flows.outside_data import data_faults
from flows.values import canonical_json, from_plain

_MOST_BYTES: Final = Limits().variable_bytes
_BEFORE: Final = """
    SELECT e.id, e.conversation_id, e.happened, c.number_id,
           (SELECT 1 FROM addresses a WHERE a.contact_id = c.contact_id AND a.kind = :kind AND a.value = :value) AS same
    FROM inbound_events e JOIN conversations c ON c.id = e.conversation_id
    WHERE e.provider_id = :provider_id AND e.connection_id IN (SELECT id FROM connections)
"""


@dataclass(frozen=True)
class Ordered:
    """What a caller of the API wants: a run of this flow, for whom, on which number, with what input.

    key: who asks and their idempotency key.
    """

    flow_id: int
    number: str
    address: str
    input: Any
    key: str
    name: str = ""


@dataclass(frozen=True)
class Started:
    """The run's id, which is its first event's, and its conversation."""

    run_id: int
    conversation_id: int


def start(session: Session, ordered: Ordered) -> Started:
    """Stores what begins the run; the worker begins it.

    Raises: NotFound; Invalid with not_live, schema_invalid, bad_address or key_reused; Conflict with already_running.
    """
    number, connection = _number(session, ordered.number)
    kind, address = _address(number, connection, ordered.address)
    happened = _happened(ordered)
    wanted = _Wanted(f"api/{ordered.flow_id}/{ordered.key}", number.id, kind, address, happened)
    if before := _started(session, wanted):
        return before
    placed = _placed(session, ordered, number)
    faults = data_faults(placed.config.get("schema", {}), ordered.input)
    if faults:
        told = [{"path": "input", "sentence": fault} for fault in faults]
        raise Invalid(f"The input does not look as it should: {' '.join(faults)}", "schema_invalid", {"faults": told})
    found = address_of(session, kind, address, ordered.name)
    busy = conversation_at(session, Place(found.id, found.contact_id, number.id, connection.id))
    if (busy.run_id or busy.with_people) and placed.config.get("when_busy", "reject") == "reject":
        if before := _started(session, wanted):  # the same request came a moment ago
            return before
        who = f"in the run {busy.run_id}" if busy.run_id else "with people"
        raise Conflict(f"The contact is {who}: try again when that is over.", "already_running", {"run": busy.run_id})
    put = append(session, NewEvent(busy.conversation_id, wanted.provider_id, "api_called", happened))
    if put.duplicate and (before := _started(session, wanted)):  # another one with this key was faster
        return before
    return Started(put.event_id, put.conversation_id)


@dataclass(frozen=True)
class _Wanted:
    """A request as it would be stored."""

    provider_id: str
    number_id: int
    kind: str
    value: str
    happened: str


def _started(session: Session, wanted: _Wanted) -> Started | None:
    """What the same key has started before. Raises: Invalid when it was for another request."""
    before = session.execute(sql(session, _BEFORE), vars(wanted)).first()
    if before is None:
        return None
    if before.happened != wanted.happened or before.number_id != wanted.number_id or not before.same:
        sentence = "This Idempotency-Key was used for another request: use a new key for every new request."
        raise Invalid(sentence, "key_reused")
    return Started(before.id, before.conversation_id)


def _happened(ordered: Ordered) -> str:
    """The event as it is stored."""
    if len(canonical_json(ordered.input).encode()) > _MOST_BYTES:
        raise Invalid(
            f"The input has more than {_MOST_BYTES:,} bytes, which a variable may hold.", "too_large", field="input"
        )
    try:
        return wire.write(ApiCalled(ordered.flow_id, from_plain(ordered.input)))
    except FlowError as problem:
        raise Invalid(f"The input cannot be kept: {problem}", "bad_input", field="input") from problem


def _number(session: Session, name: str) -> tuple[Number, Connection]:
    row = session.execute(
        select(Number, Connection).join(Connection, Connection.id == Number.connection_id).where(Number.name == name)
    ).first()
    if row is None:
        raise NotFound(f"There is no number “{name[:80]}”: GET /api/v1/numbers lists them.")
    return row[0], row[1]


def _address(number: Number, connection: Connection, written: str) -> tuple[str, str]:
    channel = channel_of(connection.kind)
    kind = channel.address_kind
    if channel.policy.local:
        raise Invalid(
            f"Nobody can be written to by “{number.name}” who is not there just now.", "bad_address", field="number"
        )
    value = read_contact_email(written) if kind == "email" else channel.spelled(written, number.country)
    if not value:
        raise Invalid(
            f"“{written[:80]}” is no address that “{number.name}” could write to.", "bad_address", field="address"
        )
    return kind, value


def _placed(session: Session, ordered: Ordered, number: Number) -> PlacedStep:
    """The live trigger of that flow on that number."""
    live = session.execute(
        select(LiveNumber.step, Version.document)
        .join(Version, Version.id == LiveNumber.version_id)
        .where(LiveNumber.number_id == number.id, LiveNumber.flow_id == ordered.flow_id, LiveNumber.kind == "api")
    ).first()
    if live is None:
        sentence = f"No published version of this flow is called by the API on “{number.name}”."
        raise Invalid(
            f"{sentence} Give it the trigger “Called by the API” there, and publish it.", "not_live", field="number"
        )
    steps: Mapping[str, PlacedStep] = document.read(live.document).steps
    return steps[live.step]
