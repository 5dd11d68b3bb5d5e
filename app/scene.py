"""The scene of a turn: the conversation as it was read, and all that facts and flows need, gathered before it runs."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.channels.contract import Channel, ConnectionInfo
from app.channels.registry import channel_of
from app.db import from_microseconds
from app.directory import Directory, InstallationInfo, NumberInfo
from app.models.conversation import reference
from app.store.loading import Held
from flows import wire
from flows.ask import Answer, FlowVersionAnswer
from flows.document import Flow
from flows.event import Event, Happening
from flows.facts import Facts
from flows.values import Value, decode

_FLOW_VERSION = wire.kind_of(FlowVersionAnswer)


@dataclass(frozen=True)
class Scene:
    """Everything a turn may look at besides the event itself."""

    held: Held
    number: NumberInfo
    connection: ConnectionInfo
    channel: Channel
    installation: InstallationInfo
    constants: Mapping[str, Value]
    flows: Mapping[str, Flow]  # by version id as text: the run's and those of the number's live triggers
    known_flow: Callable[[int], Flow]  # of a version that this process has read
    file_address: Callable[[int, datetime], str]  # of a stored file, for whoever shall fetch it

    def after(self, answer: Answer) -> "Scene":
        """The scene with the flow that an answer lets the run enter."""
        if not isinstance(answer, FlowVersionAnswer) or answer.version in {"", *self.flows}:
            return self
        return replace(self, flows={**self.flows, answer.version: self.known_flow(int(answer.version))})

    def event(self, happened: Happening) -> Event:
        """The happening of the first event, with its instants and the facts."""
        first = self.held.events[0]
        return Event(
            happened=happened,
            at=from_microseconds(first.at),
            now=from_microseconds(self.held.event_now),
            facts=self.facts(),
            id=str(first.id),
        )

    def facts(self) -> Facts:
        """What steps may know."""
        row = self.held.row
        attributes = {name: decode(value) for name, value in json.loads(row.attributes).items()}
        contact: dict[str, Value] = {
            "name": row.contact_name or None,
            "phone": row.phone,
            "email": row.email,
            "language": row.contact_language or None,
            "attributes": attributes,
            "segments": [*row.segments.split(",")] if row.segments else [],
            "account_manager": row.account_manager or None,
            "zone": row.contact_zone or None,
            "consent": {"given": True, "withdrawn": False}.get(row.consent),
            "consent_at": from_microseconds(row.consent_at) if row.consent_at else None,
            "first_seen_at": from_microseconds(row.first_seen_at),
            "is_new": row.conversation_count == 1,
        }
        conversation: dict[str, Value] = {
            "reference": reference(row.id),
            "channel": self.connection.kind,
            "number": self.number.name,
            "kind": "call" if row.kind == "call" else "messages",
            "started_at": from_microseconds(row.created_at),
            "count": Decimal(row.conversation_count),
        }
        return Facts(
            contact=contact,
            conversation=conversation,
            constants=self.constants,
            language=row.contact_language or self.number.language or self.installation.language,
            apology=self.installation.apology,
            fallback_queue=self.installation.fallback_queue,
            contact_id=str(row.contact_id),
            fallback_number=self.number.fallback_number,
        )


def set_scene(session: Session, held: Held, directory: Directory) -> Scene:
    """The scene of a held conversation, read with the session that read it."""
    number = directory.number(session, held.row.number_id)
    connection = directory.connection(session, held.row.connection_id)
    versions = {int(frame.version) for frame in held.run.stack} if held.run else set()
    versions |= {row.version_id for row in held.triggers}
    versions |= set(_entered_before(held))
    return Scene(
        held=held,
        number=number,
        connection=connection,
        channel=channel_of(connection.kind),
        installation=directory.installation(session),
        constants=directory.constants(session),
        flows={str(version): directory.flow(session, version) for version in versions},
        known_flow=directory.known_flow,
        file_address=directory.file_address,
    )


def _entered_before(held: Held) -> Iterator[int]:
    """The versions that an earlier attempt at this turn entered, as far as the journal will say so again."""
    for row in held.journal.values():
        if row.state == "answered" and _FLOW_VERSION in row.answer:
            answer = wire.read(Answer, row.answer)
            if isinstance(answer, FlowVersionAnswer) and answer.version:
                yield int(answer.version)
