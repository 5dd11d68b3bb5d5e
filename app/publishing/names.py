"""What the installation has that a flow may name, and which slots of numbers live flows hold."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    CalendarRow,
    Connection,
    Constant,
    CredentialRow,
    File,
    FlowRow,
    LiveNumber,
    Number,
    Queue,
    Segment,
    Version,
)
from app.store.versions import version_to_enter
from flows import document
from flows.ask import FlowVersion
from flows.called import calls_of
from flows.check import InstallationNames, Slot, slots
from flows.document import Flow, PlacedStep
from flows.registry import Registry
from flows.step import Claim, Trigger
from flows.todays_config import todays_config

_KEYWORDS = "keywords:"
_HASH = re.compile(r"\b[0-9a-f]{64}\b")  # thousands of files may be stored: only those that a flow names are looked for


@dataclass(frozen=True)
class Wanted:
    """What one placed trigger of a flow wants to answer on one number."""

    number: str
    step: str
    claim: Claim


def wanted(flow: Flow, steps: Registry) -> list[Wanted]:
    """What the triggers of a flow want to answer; a step whose kind is not installed wants nothing."""
    return [
        Wanted(number, placed.id, claim)
        for placed in flow.steps.values()
        for claim in _claims(steps, placed)
        for number in dict.fromkeys(claim.numbers)
    ]


def live_slot(flow_id: int, one: Wanted) -> str:
    """The slot of a live number, as LiveNumber tells it."""
    if one.claim.kind in ("api", "schedule"):  # as many flows as like may begin runs on a number
        return f"{one.claim.kind}:{flow_id}:{one.step}"
    return f"{_KEYWORDS}{flow_id}:{one.step}" if one.claim.keywords else one.claim.kind


def installation_names(
    session: Session, steps: Registry, flow_id: int, flow: Flow, numbers: Iterable[str]
) -> InstallationNames:
    """All names for checking one flow; `numbers` are those it wants to answer."""
    hashes = set(_HASH.findall(document.write(flow)))
    numbers_here = session.execute(select(Number, Connection.enabled).join(Connection)).all()
    return InstallationNames(
        credentials=frozenset(session.scalars(select(CredentialRow.name))),
        queues=frozenset(session.scalars(select(Queue.name))),
        calendars=frozenset(session.scalars(select(CalendarRow.name))),
        numbers={
            number.name: frozenset(
                kind for kind, able in (("calls", number.answers_calls), ("messages", number.answers_messages)) if able
            )
            for number, _ in numbers_here
        },
        disconnected=frozenset(number.name for number, enabled in numbers_here if not enabled),
        constants=frozenset(session.scalars(select(Constant.name))),
        connections=frozenset(session.scalars(select(Connection.name))),
        segments=frozenset(session.scalars(select(Segment.name))),
        flows=called_flows(session, steps, flow),
        callers=callers_of(session, flow_id),
        files={
            row.sha256: row.media_type
            for row in session.execute(select(File.sha256, File.media_type).where(File.sha256.in_(hashes)))
        },
        claimed=claimed_slots(session, steps, flow_id, numbers),
    )


def called_flows(session: Session, steps: Registry, flow: Flow) -> Mapping[str, Mapping[int, Flow]]:
    """The flows that a flow runs, and those that they run, each with the versions that are wanted; 0 is the latest."""
    found: dict[str, dict[int, Flow]] = {}
    asked: set[FlowVersion] = set()
    waiting = [wanted for _, wanted in calls_of(flow, steps)]
    while waiting:
        wanted = waiting.pop()
        if wanted in asked:
            continue
        asked.add(wanted)
        answer = version_to_enter(session, wanted)
        if answer.error == "flow_missing":
            continue
        versions = found.setdefault(wanted.flow, {})
        if answer.version:
            entered = document.read(session.get_one(Version, int(answer.version)).document)
            versions[int(wanted.version or 0)] = entered
            waiting += [further for _, further in calls_of(entered, steps)]
    return found


def callers_of(session: Session, flow_id: int) -> Sequence[Flow]:
    """The latest published versions of the other flows that run any flow."""
    further = aliased(Version)
    latest = select(func.max(further.number)).where(further.flow_id == FlowRow.id).scalar_subquery()
    rows = session.scalars(
        select(Version.document)
        .join(FlowRow, FlowRow.id == Version.flow_id)
        .where(FlowRow.id != flow_id, Version.number == latest, Version.document.contains('"run_flow"'))
        .order_by(FlowRow.name)
    )
    return [document.read(stored) for stored in rows]


def claimed_slots(session: Session, steps: Registry, flow_id: int, numbers: Iterable[str]) -> Mapping[Slot, str]:
    """The slots of these numbers that other flows hold, each with its flow's name."""
    live = session.execute(
        select(LiveNumber.slot, LiveNumber.kind, LiveNumber.step, Number.name, FlowRow.name, Version.document)
        .join(Number, Number.id == LiveNumber.number_id)
        .join(FlowRow, FlowRow.id == LiveNumber.flow_id)
        .join(Version, Version.id == LiveNumber.version_id)
        .where(LiveNumber.flow_id != flow_id, Number.name.in_(list(numbers)))
        .where(LiveNumber.kind.in_(("calls", "messages")))
        .order_by(LiveNumber.id)
    )
    found: dict[Slot, str] = {}
    for slot, kind, step, number, flow_name, stored in live:
        if not slot.startswith(_KEYWORDS):
            found[Slot(number, "calls" if kind == "calls" else "messages")] = flow_name
            continue
        placed = document.read(stored).steps[step]
        for one in slots(_claims(steps, placed)):
            if one.number == number:
                found[one] = flow_name
    return found


def _claims(steps: Registry, placed: PlacedStep) -> Iterator[Claim]:
    kind = steps.get(placed.type)
    if isinstance(kind, Trigger):
        try:
            yield from kind.claims(todays_config(kind, placed))
        except Exception:  # noqa: BLE001  a door to plugins' code; the check, which asks it too, finds it broken
            return
