"""Which flows use a named thing of the installation, so that nobody takes it away under them."""

import json

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import FlowRow, LiveNumber, Message, Revision, RunRow, Version
from app.models.conversation import reference
from flows import document, form
from flows.document import Flow
from flows.named import names_in
from flows.registry import Registry


def flows_that_name(session: Session, steps: Registry, kind: str, name: str) -> list[str]:
    """The names of flows that use a thing in their draft, their latest version, or one that answers a number."""
    latest = select(func.max(Version.id)).group_by(Version.flow_id)
    mentions = json.dumps(name, ensure_ascii=False)[1:-1]  # in an expression it has no quotes around it
    versions = (
        select(FlowRow.name, Version.document)
        .join(FlowRow, FlowRow.id == Version.flow_id)
        .where(or_(Version.id.in_(latest), Version.id.in_(select(LiveNumber.version_id))))
        .where(Version.document.contains(mentions, autoescape=True))
    )
    drafts = (
        select(FlowRow.name, Revision.document)
        .join(FlowRow, (FlowRow.id == Revision.flow_id) & (FlowRow.latest_revision == Revision.number))
        .where(Revision.document.contains(mentions, autoescape=True))
    )
    found = [*session.execute(versions), *session.execute(drafts)]
    return sorted({flow for flow, stored in found if _names(document.read(stored), steps, kind, name)})


def uses_of_file(session: Session, sha256: str, file_id: int) -> list[str]:
    """Where a stored file is still needed, in words: flows that may send it (drafts, latest and live versions, versions
    with runs under way), and conversations."""
    latest = select(func.max(Version.id)).group_by(Version.flow_id)
    running = [
        select(column).where(RunRow.status == "waiting") for column in (RunRow.version_id, RunRow.step_version_id)
    ]
    needed = (latest, select(LiveNumber.version_id), *running)
    versions = (
        select(FlowRow.name)
        .join(Version, FlowRow.id == Version.flow_id)
        .where(or_(*(Version.id.in_(ids) for ids in needed)), Version.document.contains(sha256))
    )
    drafts = (
        select(FlowRow.name)
        .join(Revision, (FlowRow.id == Revision.flow_id) & (FlowRow.latest_revision == Revision.number))
        .where(Revision.document.contains(sha256))
    )
    flows = sorted({*session.scalars(versions), *session.scalars(drafts)})
    sent = select(Message.conversation_id).where(Message.media.contains(f'"file":"{file_id}"')).limit(1)
    conversations = [f"the conversation {reference(one)}" for one in session.scalars(sent)]
    return [*(f"the flow “{name}”" for name in flows), *conversations]


def _names(flow: Flow, steps: Registry, kind: str, name: str) -> bool:
    if kind == "constant":
        return name in names_in(flow, steps)["constant"]
    return any(
        reference.kind == kind and reference.name == name
        for placed in flow.steps.values()
        if (step := steps.get(placed.type)) is not None
        for reference in form.references(step.schema, placed.config)
    )
