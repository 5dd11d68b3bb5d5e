"""Publishing: a checked draft becomes an immutable version, and the numbers move to it in the same transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.db import now
from app.errors import Invalid, NotFound
from app.house import House
from app.models import FlowRow, Version
from app.publishing import drafts
from app.publishing.live_numbers import Moved, claim_all, claim_held, lock_numbers, refuse_taken
from app.publishing.names import installation_names, wanted
from flows import document
from flows.check import Finding, blocks, check
from flows.document import Flow


class NotPublishable(Invalid):
    """The check has blocking findings; `details` holds all of them."""

    code = "blocking_findings"


@dataclass(frozen=True)
class Published:
    """A version that was just made."""

    version: Version
    numbers: Moved
    findings: Sequence[Finding] = field(default=())


@dataclass(frozen=True)
class Order:
    """Who publishes, what they say about it, and whether a roll-back takes the old version's numbers too."""

    author: str
    note: str = ""
    move_numbers: bool = False


def findings(session: Session, house: House, flow_id: int, flow: Flow) -> list[Finding]:
    """Everything that is wrong with a flow in this installation."""
    numbers = {one.number for one in wanted(flow, house.steps)}
    return check(flow, house.steps, installation_names(session, house.steps, flow_id, flow, numbers), house.limits)


def publish(session: Session, house: House, row: FlowRow, revision: int, order: Order) -> Published:
    """Freezes a revision (0: the latest); it answers all numbers it names. `row` is locked.

    Raises: NumberTaken naming the flow that holds a number; NotPublishable with the findings.
    """
    draft = drafts.read(session, row, revision)
    found = _checked(session, house, row, draft.flow)
    version = _freeze(session, row, draft.revision, draft.flow, order)
    moved = claim_all(session, house, version, draft.flow)
    note_act(session, order.author, "publish", f"{row.name} version {version.number}")
    return Published(version, moved, found)


def roll_back(session: Session, house: House, row: FlowRow, number: int, order: Order) -> Published:
    """Publishes an old version again. The numbers stay where they are, unless it is ordered. `row` is locked.

    Raises: NotFound, NumberTaken, NotPublishable.
    """
    old = read_version(session, row, number)
    flow = document.read(old.document)
    found = _checked(session, house, row, flow, takes=order.move_numbers)
    version = _freeze(
        session, row, old.revision_number, flow, Order(order.author, order.note or f"Back to version {number}")
    )
    moved = (
        claim_all(session, house, version, flow) if order.move_numbers else claim_held(session, house, version, flow)
    )
    note_act(session, order.author, "roll_back", f"{row.name} to version {number}, as version {version.number}")
    return Published(version, moved, found)


def read_version(session: Session, row: FlowRow, number: int) -> Version:
    """A version of a flow. Raises: NotFound."""
    found = session.scalar(select(Version).where(Version.flow_id == row.id, Version.number == number))
    if found is None:
        raise NotFound(f"“{row.name}” has no version {number}.")
    return found


def _checked(session: Session, house: House, row: FlowRow, flow: Flow, *, takes: bool = True) -> list[Finding]:
    claims = wanted(flow, house.steps)
    lock_numbers(session, [one.number for one in claims])
    # Conflicts with other flows have an answer of their own.
    names = installation_names(session, house.steps, row.id, flow, ())
    found = check(flow, house.steps, names, house.limits)
    if blocks(found):
        first = next(finding for finding in found if finding.severity == "blocking")
        count = sum(finding.severity == "blocking" for finding in found)
        more = f" There are {count - 1} more." if count > 1 else ""
        raise NotPublishable(
            f"“{row.name}” cannot be published yet. {first.sentence} {first.mend}{more}",
            details={"findings": [asdict(finding) for finding in found]},
        )
    if takes:
        refuse_taken(session, house.steps, row.id, claims)
    return found


def _freeze(session: Session, row: FlowRow, revision: int, flow: Flow, order: Order) -> Version:
    latest = session.scalar(select(func.max(Version.number)).where(Version.flow_id == row.id)) or 0
    version = Version(
        flow_id=row.id,
        number=latest + 1,
        revision_number=revision,
        document=document.write(flow),
        author=order.author,
        note=order.note,
        created_at=now(session),
    )
    session.add(version)
    session.flush()
    return version
