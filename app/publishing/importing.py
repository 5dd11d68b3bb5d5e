"""Flows leave in a file, and come back from one: as a whole or not at all."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.credentials import read_credential, seal_credential
from app.db import now
from app.errors import Conflict, Invalid, NotFound
from app.house import House
from app.models import Constant, CredentialRow, FlowRow, Queue, Revision
from app.publishing import drafts
from app.publishing.drafts import Draft
from app.publishing.import_plan import Choices, Need, Plan, plan
from flows import document, flow_file
from flows.document import Flow
from flows.flow_file import FlowFile
from flows.values import NotJson, TooLarge, canonical_json, encode, from_plain

_NAMES: Final = {kind: re.compile("[a-z][a-z0-9_-]{0,39}") for kind in ("queue", "credential")} | {
    "constant": re.compile("[a-z][a-z0-9_]{0,39}")
}


class Undecided(Conflict):
    """Something the file names is missing here, and nobody said what to do; `details` holds the plan."""

    code = "import_undecided"


def export_all(session: Session, house: House, names: Sequence[str] = ()) -> str:
    """The latest drafts of these flows (none: of all) as the text of a file. Raises: NotFound."""
    query = (
        select(FlowRow.name, Revision.document)
        .join(Revision, (Revision.flow_id == FlowRow.id) & (Revision.number == FlowRow.latest_revision))
        .order_by(FlowRow.name)
    )
    rows = session.execute(query.where(FlowRow.name.in_(names)) if names else query).all()
    stored = {name: text for name, text in rows}  # noqa: C416  rows are no pairs to the type checker
    missing = next((name for name in names if name not in stored), None)
    if missing is not None:
        raise NotFound(f"There is no flow “{missing[:200]}”: GET /api/v1/flows lists them.")
    if not stored:
        raise NotFound("There are no flows to export yet.")
    if len(stored) > flow_file.MOST_FLOWS:
        raise Invalid(f"A file holds at most {flow_file.MOST_FLOWS} flows: name those you want.", "too_many_flows")
    return flow_file.write([document.read(text) for text in stored.values()], house.steps)


def apply(session: Session, house: House, file: FlowFile, choices: Choices, author: str) -> tuple[Plan, list[Draft]]:
    """Imports all flows of a file, and creates what was decided to be created.

    Two imports at once wait for each other, or the later one is refused whole by the names that became taken.
    Raises: Undecided with the plan; Invalid; Conflict; app.credentials.CredentialRefused.
    """
    decided = plan(session, house, file, choices, locked=True)
    if decided.is_open:
        open_ones = [need for need in decided.needs if need.is_open]
        more = f" {len(open_ones) - 3} more are missing too." if len(open_ones) > 3 else ""
        raise Undecided(" ".join(need.sentence for need in open_ones[:3]) + more, details=plan_data(decided))
    for need in decided.needs:
        if need.state == "created":
            _create(session, house, need, choices.of(need.kind, need.name)["create"], author)
    kept = [_keep(session, one.flow, author) for one in decided.flows]
    note_act(session, author, "import_flows", ", ".join(one.name for one in decided.flows)[:1_000])
    return decided, kept


def plan_data(planned: Plan) -> dict[str, Any]:
    """A plan as JSON data."""
    return {
        "flows": [
            {"name": one.name, "in_file": one.in_file, "does": one.does, "revision": one.revision}
            for one in planned.flows
        ],
        "needs": [
            {
                "kind": f"{need.kind}s",
                "name": need.name,
                "state": need.state,
                "flows": list(need.flows),
                "use": need.use,
                "may_create": need.may_create,
                "sentence": need.sentence,
            }
            for need in planned.needs
        ],
        "unknown_steps": list(planned.unknown_steps),
        "complete": not planned.is_open,
    }


def _keep(session: Session, flow: Flow, author: str) -> Draft:
    known = session.scalar(select(FlowRow).where(FlowRow.name == flow.name))
    if known is None:
        return drafts.create(session, flow, author)
    return drafts.save(session, known, flow, known.latest_revision, author)


def _create(session: Session, house: House, need: Need, given: Any, author: str) -> None:
    data: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    if not _NAMES[need.kind].fullmatch(need.name):
        raise Invalid(f"A {need.kind} cannot be called “{need.name[:80]}”: rename it in the file.", "bad_name")
    at = now(session)
    if need.kind == "queue":
        session.add(Queue(name=need.name, title=str(data.get("title") or need.name)[:80], created_at=at))
    elif need.kind == "constant":
        session.add(Constant(name=need.name, value=_constant(house, need.name, data), changed_at=at))
    else:
        if set(data) != {"kind", "origins", "secret"}:
            sentence = f"The credential “{need.name}” needs its kind, its origins and its secret: fill them in."
            raise Invalid(sentence, "secret_needed")
        read = read_credential(need.name, str(data["kind"]), _texts(data["origins"]), _secret(data["secret"]))
        row = CredentialRow(name=read.name, created_at=at, changed_at=at, kind=read.kind)
        row.origins, row.sealed = canonical_json(list(read.origins)), seal_credential(house.key, read)
        session.add(row)
        note_act(session, author, "create_credential", f"{read.name} for {', '.join(read.origins)}")
    session.flush()


def _constant(house: House, name: str, data: Mapping[str, Any]) -> str:
    if set(data) != {"value"}:
        raise Invalid(f"The constant “{name}” needs a value: fill it in.", "bad_value")
    try:
        value = canonical_json(encode(from_plain(data["value"])))
    except (NotJson, TooLarge, ValueError) as problem:
        raise Invalid(f"The value of the constant “{name}” cannot be kept: {problem}", "bad_value") from None
    if len(value.encode()) > house.limits.variable_bytes:
        raise Invalid(f"A constant may have {house.limits.variable_bytes >> 10} KiB.", "too_large")
    return value


def _texts(found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Invalid("The origins of a credential are a list of addresses.", "bad_value")
    return found


def _secret(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(one, str) and len(one) <= 8_192 for one in found.values()):
        raise Invalid("The secret of a credential is an object of texts.", "bad_value")
    return found
