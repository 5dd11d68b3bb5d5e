"""Which flows use a named thing of the installation, so that nobody takes it away under them."""

import json

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import FlowRow, LiveNumber, Revision, Version
from flows import document, form
from flows.document import Flow
from flows.registry import Registry


def flows_that_name(session: Session, steps: Registry, kind: str, name: str) -> list[str]:
    """The names of flows that use a thing in their draft, their latest version, or one that answers a number."""
    latest = select(func.max(Version.id)).group_by(Version.flow_id)
    mentions = json.dumps(name, ensure_ascii=False)
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


def _names(flow: Flow, steps: Registry, kind: str, name: str) -> bool:
    return any(
        reference.kind == kind and reference.name == name
        for placed in flow.steps.values()
        if (step := steps.get(placed.type)) is not None
        for reference in form.references(step.schema, placed.config)
    )
