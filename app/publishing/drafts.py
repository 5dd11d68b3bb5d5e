"""Drafts: every saved revision is kept, and two who save at once lose nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import now
from app.errors import Conflict, Invalid, NotFound
from app.models import FlowRow, Revision
from app.publishing.merging import Clash, merge
from flows import document
from flows.document import Flow


@dataclass(frozen=True)
class Draft:
    """One revision of a flow."""

    flow_id: int
    revision: int
    flow: Flow
    author: str
    saved_at: datetime

    @property
    def name(self) -> str:
        """The flow's name."""
        return self.flow.name


class DraftConflict(Conflict):
    """Others changed the same fields since; nothing was saved."""

    code = "draft_conflict"


def find_flow(session: Session, key: str, *, locked: bool = False) -> FlowRow:
    """The flow of that name, else of that id; `locked` until the transaction ends. Raises: NotFound."""
    query = select(FlowRow).with_for_update() if locked else select(FlowRow)
    found = session.scalar(query.where(FlowRow.name == key))
    if found is None and key.isascii() and key.isdecimal() and len(key) < 19:
        found = session.scalar(query.where(FlowRow.id == int(key)))
    if found is None:
        raise NotFound(f"There is no flow “{key[:200]}”: GET /api/v1/flows lists them.")
    return found


def flow_id_of(session: Session, name: str) -> int:
    """The id of the flow of that name, 0 when there is none."""
    return session.scalar(select(FlowRow.id).where(FlowRow.name == name)) or 0


def create(session: Session, flow: Flow, author: str) -> Draft:
    """A new flow with its first revision. Raises: Conflict when another flow has the name."""
    _refuse_taken_name(session, flow.name, 0)
    row = FlowRow(name=flow.name, latest_revision=0, created_at=now(session))
    session.add(row)
    session.flush()
    return _keep(session, row, flow, 0, author)


def read(session: Session, row: FlowRow, revision: int = 0) -> Draft:
    """A revision, or the latest. Raises: NotFound."""
    number = revision or row.latest_revision
    found = session.scalar(select(Revision).where(Revision.flow_id == row.id, Revision.number == number))
    if found is None:
        raise NotFound(f"“{row.name}” has no revision {number}; the latest is {row.latest_revision}.")
    return Draft(row.id, number, document.read(found.document), found.author, found.created_at)


def save(session: Session, row: FlowRow, flow: Flow, base_revision: int, author: str) -> Draft:
    """The draft with these changes, which were made on `base_revision`, and those that others made since.

    `row` is locked. Saving what is there already keeps the revision. Raises: DraftConflict with base, theirs, yours and
    the fields; Invalid for a base that never was; flows.errors.DocumentError when the whole is refused.
    """
    if not 1 <= base_revision <= row.latest_revision:
        sentence = f"The base is revision {base_revision}, but “{row.name}” has 1 to {row.latest_revision}."
        raise Invalid(f"{sentence} Read the draft again and save on it.", "unknown_base", field="base")
    theirs = read(session, row)
    if base_revision != row.latest_revision:
        flow = _merged(read(session, row, base_revision), theirs, flow)
    if document.write(flow) == document.write(theirs.flow):
        return theirs
    if flow.name != row.name:
        _refuse_taken_name(session, flow.name, row.id)
        row.name = flow.name
    return _keep(session, row, flow, base_revision, author)


def _merged(base: Draft, theirs: Draft, flow: Flow) -> Flow:
    old, their, your = document.to_data(base.flow), document.to_data(theirs.flow), document.to_data(flow)
    merged = merge(old, their, your)
    if merged.clashes:
        places = ", ".join(clash.path for clash in merged.clashes[:5])
        more = f" and {len(merged.clashes) - 5} more" if len(merged.clashes) > 5 else ""
        raise DraftConflict(
            f"{theirs.author or 'Somebody'} changed the same since: {places}{more}. Choose one of both and save again "
            f"on revision {theirs.revision}; nothing was saved.",
            details={
                "revision": theirs.revision,
                "fields": [_clash_data(clash) for clash in merged.clashes],
                "base": old,
                "theirs": their,
                "yours": your,
            },
        )
    return document.from_data(merged.document)


def _clash_data(clash: Clash) -> dict[str, object]:
    return {"path": clash.path, "base": clash.base, "theirs": clash.theirs, "yours": clash.yours}


def _keep(session: Session, row: FlowRow, flow: Flow, base: int, author: str) -> Draft:
    row.latest_revision += 1
    revision = Revision(
        flow_id=row.id,
        number=row.latest_revision,
        base_number=base,
        document=document.write(flow),
        author=author,
        created_at=now(session),
    )
    session.add(revision)
    session.flush()
    return Draft(row.id, revision.number, flow, author, revision.created_at)


def _refuse_taken_name(session: Session, name: str, flow_id: int) -> None:
    if session.scalar(select(FlowRow.id).where(FlowRow.name == name, FlowRow.id != flow_id)) is not None:
        raise Conflict(
            f"Another flow is called “{name}” already: choose another name.", "name_taken", {"name": name}, field="name"
        )
