"""How the API shows runs: in a list, and with where one stands and what it knows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, TypedDict

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from app.accounts.roles import Right, Rights
from app.models import Address, Contact, Conversation, InboundEvent, Number, RunRow
from app.models.conversation import reference as reference_of
from app.web.api.answers import Instant, OneOf
from app.web.api.called import StepPlaceData, called, private_of, titles
from app.web.api.visit_views import AwaitedWord
from flows.run import Run
from flows.secrecy import HIDDEN, plain_values
from flows.wire import read

Listed = Row[RunRow, int, str]
"""A run, its version's number and its flow's name."""

_KNOWS_PEOPLE: Final = frozenset({Right.READ_CONVERSATIONS, Right.READ_CONTACTS})


class RunContactData(TypedDict):
    """Whom a run is with."""

    id: int
    name: str


class RunAddressData(TypedDict):
    """Where a run reaches its contact."""

    kind: Annotated[str, OneOf(("phone", "visitor", "user", "email"))]
    value: str


class RunPartiesData(TypedDict):
    """With whom a run is, and on which of our numbers.

    `contact` and `address` are null for whoever may read neither conversations nor contacts.
    """

    contact: RunContactData | None
    address: RunAddressData | None
    number: str
    kind: Annotated[str, OneOf(("messages", "call"))]


class RunData(RunPartiesData):
    """A run: `flow` and `version` began it, `step` is where it stands, or stood last, `title` that step's name.

    A called flow has steps of its own: `stack` says whose step it is.
    """

    id: int
    conversation: str
    flow: str
    version: int
    status: Annotated[str, OneOf(("waiting", "ended"))]
    outcome: Annotated[
        str,
        "How it ended: completed, failed, caller_hung_up, interrupted, opted_out, taken_over, or as its author says.",
    ]
    step: str
    title: str
    turns: int
    started_at: Instant
    ended_at: Instant | None


class RunErrorData(TypedDict, total=False):
    """The latest failure of a run's steps; nothing while there was none."""

    kind: str
    message: str
    retryable: bool
    step: str


class RunStandingData(TypedDict):
    """Where a run stands and what it knows; null where an older release wrote the run in another form."""

    stack: Annotated[list[StepPlaceData] | None, "The flow that was begun first, then those that it called."]
    variables: Annotated[dict[str, Any] | None, "Those of the last flow of the stack; private ones are hidden."]
    outputs: Annotated[dict[str, Any] | None, "What the flow has given back, by name."]
    error: RunErrorData | None
    waits_for: list[AwaitedWord] | None
    until: Annotated[Instant | None, "When the present wait is over at the latest."]
    in_queue: Annotated[bool | None, "Whether people have the conversation on this run's behalf."]


class RunDetailData(RunData, RunStandingData):
    """A run with where it stands."""


UNREADABLE: Final[RunStandingData] = {
    "stack": None,
    "variables": None,
    "outputs": None,
    "error": None,
    "waits_for": None,
    "until": None,
    "in_queue": None,
}
"""Of a run that an older release wrote in another form."""


def runs_data(session: Session, rows: Sequence[Listed], rights: Rights) -> list[RunData]:
    """Runs in a list, each with whose it is; `contact` and `address` only for who may read conversations or contacts,
    or else whoever reads runs could read all addresses here."""
    named = titles(session, [(run.step_version_id, run.step) for run, _, _ in rows])
    parties = _parties(session, {run.conversation_id for run, _, _ in rows}, hidden=not rights & _KNOWS_PEOPLE)
    return [
        {
            "id": run.id,
            "conversation": reference_of(run.conversation_id),
            **parties[run.conversation_id],
            "flow": flow,
            "version": version,
            "status": run.status,
            "outcome": run.outcome,
            "step": run.step,
            "title": named[run.step_version_id, run.step],
            "turns": run.turn,
            "started_at": run.started_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        }
        for run, version, flow in rows
    ]


def standing_data(session: Session, row: RunRow) -> RunStandingData:
    """Where a run stands and what it knows; private variables are hidden, as in its trace.

    `stack` has the flow that was begun first, then those that it called; the variables are those of the last one.
    Raises: FlowError for a run that an older release wrote in another form.
    """
    run = read(Run, row.state)
    versions = called(session, [frame.version for frame in run.stack])
    private = private_of(run, versions)
    declared = versions[run.stack[-1].version].drawn.variables if run.stack else {}
    return {
        "stack": [versions[frame.version].place(frame.step) for frame in run.stack],
        "variables": {
            name: HIDDEN if declared.get(name, {}).get("private") else value
            for name, value in plain_values(run.variables, private).items()
        },
        "outputs": plain_values(run.outputs, private),
        "error": error_data(run, private),
        "waits_for": list(run.waiting.accepts) if run.waiting else [],
        "until": _until(session, row),
        "in_queue": run.in_queue,
    }


def error_data(run: Run, private: tuple[str, ...] = ()) -> RunErrorData:
    """The latest failure of a run's steps; `private` are texts that it does not show."""
    if not run.error:
        return {}
    told = plain_values(run.error, private)
    return {
        "kind": told.get("kind", ""),
        "message": told.get("message", ""),
        "retryable": run.error.get("retryable") is True,
        "step": told.get("step", ""),
    }


def _parties(session: Session, ids: Iterable[int], *, hidden: bool) -> Mapping[int, RunPartiesData]:
    """With whom these conversations are, and on which of our numbers."""
    query = (
        select(Conversation.id, Contact.id, Contact.name, Address.kind, Address.value, Number.name, Conversation.kind)
        .join(Contact, Contact.id == Conversation.contact_id)
        .join(Address, Address.id == Conversation.address_id)
        .join(Number, Number.id == Conversation.number_id)
    )
    return {
        id_: {
            "contact": None if hidden else {"id": contact, "name": name},
            "address": None if hidden else {"kind": address_kind, "value": value},
            "number": number,
            "kind": kind,
        }
        for id_, contact, name, address_kind, value, number, kind in session.execute(
            query.where(Conversation.id.in_(set(ids)))
        )
    }


def _until(session: Session, row: RunRow) -> str | None:
    """When the present wait is over at the latest."""
    timer = select(func.min(InboundEvent.due_at)).where(
        InboundEvent.conversation_id == row.conversation_id,
        InboundEvent.state == "waiting",
        InboundEvent.kind == "timer_fired",
        InboundEvent.run_id == row.id,
    )
    due_at = session.scalar(timer) if row.status == "waiting" else None
    return due_at.isoformat() if due_at else None
