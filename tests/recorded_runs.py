"""Runs for tests of what shows them, written as a commit would have left them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import now
from app.models import (
    Address,
    Contact,
    Conversation,
    FlowRow,
    InboundEvent,
    Number,
    RunRow,
    TurnRow,
    Version,
)
from flows import wire
from flows.run import Frame, Run, Waiting
from flows.values import canonical_json

Entry = Mapping[str, Any]


def visit(step: str, way: str | None = None, **more: Any) -> Entry:
    """What a trace says of a step that left by an exit; None where it did not."""
    done = {"inputs": {}, "missing": [], "set": {}, "why": {}, "effects": 0}
    return {"step": step, "type": "ask_question", "exit": way, **done, **more}


@dataclass(frozen=True)
class RecordedRun:
    """A run that waits for a message, or has ended. `names` has the steps of its flow with their authors' names."""

    flow: str
    names: Mapping[str, str]
    turns: Sequence[Sequence[Entry]] = ()
    outcome: str = ""  # empty: it waits
    accepts: Sequence[str] = ("message",)
    contact: str = "Anna Kowalska"
    phone: str = "+48600100200"
    stands_on: str = ""  # the last step, unless told
    age: timedelta = field(default=timedelta(minutes=7))

    def write(self, session: Session, number: Number) -> int:
        """Puts it into the tables; the run's id."""
        at = now(session)
        version_id, conversation = self._version(session), self._conversation(session, number)
        last = self.stands_on or (self.turns[-1][-1]["step"] if self.turns else next(iter(self.names)))
        run_id = 1_000 + (session.scalar(select(func.count()).select_from(RunRow)) or 0)
        state = Run(
            id=str(run_id),
            stack=(Frame(str(version_id), last),),
            started_at=at - self.age,
            status="ended" if self.outcome else "waiting",
            turn=len(self.turns),
            waiting=None if self.outcome else Waiting(tuple(self.accepts), len(self.turns) - 1),
            outcome=self.outcome,
        )
        run = RunRow(
            id=run_id,
            conversation_id=conversation.id,
            version_id=version_id,
            state=wire.write(state),
            status=state.status,
            outcome=state.outcome,
            turn=state.turn,
            step_version_id=version_id,
            step=last,
            started_at=state.started_at,
            ended_at=at if self.outcome else None,
        )
        session.add(run)
        for n, entries in enumerate(self.turns):
            trace = canonical_json([{"version": str(version_id), **entry} for entry in entries])
            committed_at = at - self.age * (len(self.turns) - n - 1) / len(self.turns)
            event = self._event(run, number, "message_received", committed_at, n)
            event.state = "done"
            session.add(event)
            session.flush()
            turn = TurnRow(run_id=run_id, number=n, event_id=event.id, record="{}", trace=trace)
            turn.created_at = committed_at
            session.add(turn)
        if self.outcome:
            conversation.state, conversation.owner, conversation.run_id = "closed", "none", None
        else:
            conversation.run_id = run_id
            due_at = run.started_at + timedelta(hours=2)
            session.add(self._event(run, number, "timer_fired", due_at, len(self.turns) - 1))
        return run_id

    def _version(self, session: Session) -> int:
        at = now(session)
        steps = {
            id: {"type": "ask_question", "name": name, "config": {}, "exits": {}} for id, name in self.names.items()
        }
        flow = FlowRow(name=self.flow, latest_revision=3, created_at=at)
        session.add(flow)
        session.flush()
        drawn = canonical_json({"format": 1, "name": self.flow, "languages": ["en"], "steps": steps})
        version = Version(flow_id=flow.id, number=3, revision_number=3, document=drawn, created_at=at)
        session.add(version)
        session.flush()
        return version.id

    def _conversation(self, session: Session, number: Number) -> Conversation:
        at = now(session)
        contact = Contact(name=self.contact, first_seen_at=at, created_at=at)
        session.add(contact)
        session.flush()
        address = Address(contact_id=contact.id, kind="phone", value=self.phone, last_seen_at=at, created_at=at)
        session.add(address)
        session.flush()
        conversation = Conversation(
            contact_id=contact.id,
            address_id=address.id,
            connection_id=number.connection_id,
            number_id=number.id,
            kind="messages",
            owner="flow",
            last_at=at,
            opened_at=at,
            created_at=at,
        )
        session.add(conversation)
        session.flush()
        return conversation

    def _event(self, run: RunRow, number: Number, kind: str, at: datetime, turn: int) -> InboundEvent:
        return InboundEvent(
            connection_id=number.connection_id,
            provider_id=f"{kind}/{run.id}/{turn}",
            conversation_id=run.conversation_id,
            kind=kind,
            happened=canonical_json({"kind": kind}),
            seq=0,
            at=at,
            due_at=at,
            run_id=run.id,
            turn=turn,
            created_at=run.started_at,
        )
