"""Live numbers: what a published version answers, moved in the publishing's own transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.connecting import queue_telling
from app.errors import Conflict
from app.house import House
from app.models import LiveNumber, Number, Version
from app.publishing.names import Wanted, claimed_slots, live_slot, wanted
from flows.check import slots
from flows.document import Flow
from flows.registry import Registry


class NumberTaken(Conflict):
    """Another live flow answers already what this one wants to answer."""

    code = "number_taken"


@dataclass(frozen=True)
class Moved:
    """What became of the numbers: answered by the new version, freed, and left as they were."""

    answered: tuple[str, ...]
    freed: tuple[str, ...] = ()
    stayed: tuple[str, ...] = ()


def lock_numbers(session: Session, names: Sequence[str]) -> dict[str, Number]:
    """These numbers' rows, locked until the transaction ends, so that two flows never claim one at once."""
    rows = session.scalars(select(Number).where(Number.name.in_(names)).order_by(Number.id).with_for_update())
    return {row.name: row for row in rows}


def refuse_taken(session: Session, steps: Registry, flow_id: int, claims: Sequence[Wanted]) -> None:
    """Raises: NumberTaken, naming what is held and by which flow."""
    held = claimed_slots(session, steps, flow_id, {one.number for one in claims})
    taken = {slot: held[slot] for one in claims for slot in slots([one.claim]) if slot in held}
    if not taken:
        return
    sentences = [
        f"{f'Messages with “{slot.keyword}”' if slot.keyword else slot.kind.capitalize()} of the number “{slot.number}”"
        f" are answered by the flow “{flow}”."
        for slot, flow in taken.items()
    ]
    details = [
        {"number": slot.number, "kind": slot.kind, "keyword": slot.keyword, "flow": flow}
        for slot, flow in taken.items()
    ]
    mend = "Choose another number or keyword here, or publish that flow without it first."
    raise NumberTaken(" ".join([*sentences[:5], mend]), details={"taken": details})


def claim_all(session: Session, house: House, version: Version, flow: Flow) -> Moved:
    """This version answers all it wants; what its flow held besides is freed."""
    claims = wanted(flow, house.steps)
    before = _held(session, version.flow_id)
    session.execute(delete(LiveNumber).where(LiveNumber.flow_id == version.flow_id))
    numbers = _take(session, house, version, claims)
    return Moved(tuple(numbers), tuple(name for name in before if name not in numbers))


def claim_held(session: Session, house: House, version: Version, flow: Flow) -> Moved:
    """This version answers only what its flow holds now; numbers it does not know stay with their version.

    Raises: NumberTaken.
    """
    query = select(Number.name, LiveNumber.kind).join(LiveNumber, LiveNumber.number_id == Number.id)
    held = {(name, kind) for name, kind in session.execute(query.where(LiveNumber.flow_id == version.flow_id))}
    claims = [one for one in wanted(flow, house.steps) if (one.number, one.claim.kind) in held]
    refuse_taken(session, house.steps, version.flow_id, claims)  # it may have had other words there
    pairs = {(one.number, one.claim.kind) for one in claims}
    for live, name in session.execute(
        select(LiveNumber, Number.name)
        .join(Number, Number.id == LiveNumber.number_id)
        .where(LiveNumber.flow_id == version.flow_id)
    ):
        if (name, live.kind) in pairs:
            session.delete(live)
    session.flush()
    stayed = tuple(sorted({name for name, kind in held - pairs}))
    return Moved(tuple(_take(session, house, version, claims)), stayed=stayed)


def _held(session: Session, flow_id: int) -> list[str]:
    query = select(Number.name).join(LiveNumber, LiveNumber.number_id == Number.id).where(LiveNumber.flow_id == flow_id)
    return list(dict.fromkeys(session.scalars(query.order_by(Number.name))))


def _take(session: Session, house: House, version: Version, claims: Sequence[Wanted]) -> list[str]:
    """Inserts the live numbers and queues what the carriers must be told."""
    numbers = lock_numbers(session, [one.number for one in claims])
    for one in claims:
        session.add(
            LiveNumber(
                number_id=numbers[one.number].id,
                slot=live_slot(version.flow_id, one),
                kind=one.claim.kind,
                flow_id=version.flow_id,
                version_id=version.id,
                step=one.step,
                priority=one.claim.priority,
                interrupts=one.claim.interrupts,
                created_at=version.created_at,
            )
        )
    for number in numbers.values():
        queue_telling(session, house, number, f"publish/{version.id}/{number.id}")
    session.flush()
    return sorted(numbers)
