"""What an import would do: which flows are made or revised, and what each thing they name is here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.credentials import open_credential
from app.errors import Invalid
from app.house import House
from app.models import CredentialRow, FlowRow, Revision
from app.publishing.creating import CREATABLE
from app.publishing.names import claimed_slots, installation_names, wanted
from app.sealing import SealBroken
from flows import document
from flows.check import InstallationNames, slots
from flows.document import Flow
from flows.flow_file import FlowFile
from flows.named import NAMED, Renames, names_in, names_in_all, renamed

State = Literal["found", "missing", "secret_to_fill", "taken", "chosen", "created", "left"]
Decision = Mapping[str, Any]  # {"use": name}, {"create": {…}} or {"leave": true}


@dataclass(frozen=True)
class Choices:
    """What whoever imports decided: other names for flows, and for each missing thing what is to be done."""

    names: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Mapping[str, Decision]] = field(default_factory=dict)  # "queues" → name → decision
    leaves_all: bool = False  # whatever is not decided stays missing

    def of(self, kind: str, name: str) -> Decision:
        """The decision about one thing."""
        return self.needs.get(f"{kind}s", {}).get(name) or ({"leave": True} if self.leaves_all else {})


@dataclass(frozen=True)
class PlannedFlow:
    """A flow of the file, under its name here. `revision` is what it will be, or is already."""

    name: str
    in_file: str
    does: Literal["create", "revise", "nothing"]
    revision: int
    flow: Flow = field(repr=False)


@dataclass(frozen=True)
class Need:
    """One thing that flows of the file name, and how it stands here."""

    kind: str
    name: str
    state: State
    flows: Sequence[str]
    sentence: str = ""
    use: str = ""  # the name it is replaced by
    may_create: bool = False

    @property
    def is_open(self) -> bool:
        """Whether somebody has to decide about it before the file can be imported."""
        return self.state == "missing"


@dataclass(frozen=True)
class Plan:
    """All that an import does. `unknown_steps` are kinds of step that are not installed here."""

    flows: Sequence[PlannedFlow]
    needs: Sequence[Need]
    unknown_steps: Sequence[str]

    @property
    def is_open(self) -> bool:
        """Whether something has to be decided first."""
        return any(need.is_open for need in self.needs)


def plan(session: Session, house: House, file: FlowFile, choices: Choices, *, locked: bool = False) -> Plan:
    """What importing a file would do here. `locked` holds the flows it would revise until the transaction ends.

    Raises: Invalid, flows.errors.DocumentError for a choice that cannot be taken.
    """
    renames = _renames(file, choices)
    flows = [
        _as_here(house, replace(flow, name=choices.names.get(flow.name, flow.name)), renames) for flow in file.flows
    ]
    if len({flow.name for flow in flows}) < len(flows):
        raise Invalid("Two flows of this import would have one name: choose others.", "duplicate_name")
    planned = _planned(session, file, flows, locked=locked)
    unknown = {step.type for flow in flows for step in flow.steps.values() if house.steps.get(step.type) is None}
    needs = _needs(session, house, file, choices, _taken(session, house, flows))
    _refuse_idle(needs, choices)
    return Plan(planned, needs, sorted(unknown))


def _refuse_idle(needs: Sequence[Need], choices: Choices) -> None:
    """A decision about something that no flow names is a slip of the pen. Raises: Invalid."""
    named = {(f"{need.kind}s", need.name) for need in needs}
    for kind, decisions in choices.needs.items():
        for name in decisions:
            if (kind, name) not in named:
                sentence = f"The file names nothing “{kind[:40]}.{name[:80]}”: the plan lists what it names."
                raise Invalid(sentence, "bad_choice")


def _renames(file: FlowFile, choices: Choices) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {kind: {} for kind in NAMED}
    for kind in NAMED:
        for name, decision in choices.needs.get(f"{kind}s", {}).items():
            if decision.get("use"):
                found[kind][name] = decision["use"]
    if found["constant"]:
        raise Invalid("A constant stands in expressions by its name: create it here under that name.", "bad_choice")
    found["flow"] |= choices.names
    if unknown := choices.names.keys() - {flow.name for flow in file.flows}:
        raise Invalid(f"The file has no flow “{min(unknown)[:80]}” that could be renamed.", "bad_choice")
    return found


def _as_here(house: House, flow: Flow, renames: Renames) -> Flow:
    """The flow with the names it gets; read again, since they are somebody's choice. Raises: DocumentError."""
    return document.from_data(document.to_data(renamed(flow, house.steps, renames)), house.limits)


def _planned(session: Session, file: FlowFile, flows: Sequence[Flow], *, locked: bool) -> list[PlannedFlow]:
    query = select(FlowRow).where(FlowRow.name.in_([flow.name for flow in flows])).order_by(FlowRow.name)
    known = {row.name: row for row in session.scalars(query.with_for_update() if locked else query)}
    planned: list[PlannedFlow] = []
    for flow, source in zip(flows, file.flows, strict=True):
        row = known.get(flow.name)
        if row is None:
            planned.append(PlannedFlow(flow.name, source.name, "create", 1, flow))
            continue
        latest = session.scalar(
            select(Revision.document).where(Revision.flow_id == row.id, Revision.number == row.latest_revision)
        )
        same = latest == document.write(flow)
        revision = row.latest_revision + (not same)
        planned.append(PlannedFlow(flow.name, source.name, "nothing" if same else "revise", revision, flow))
    return planned


def _needs(session: Session, house: House, file: FlowFile, choices: Choices, taken: Mapping[str, str]) -> list[Need]:
    named = names_in_all(file.flows, house.steps)
    own = {flow.name for flow in file.flows}
    here = _here(session, house, file)
    broken = _unsealed(session, house, named["credential"])
    users = {flow.name: names_in(flow, house.steps) for flow in file.flows}
    needs: list[Need] = []
    for kind in NAMED:
        told = {name for name in file.needs.get(f"{kind}s", ()) if name not in own}
        for name in sorted(named[kind] | told):
            flows = [flow for flow, names in users.items() if name in names[kind]]
            need = Need(kind, name, "found", flows, may_create=kind in CREATABLE)
            decision = choices.of(kind, name)
            holder = taken.get(decision.get("use") or name, "") if kind == "number" else ""
            needs.append(_judged(need, decision, here[kind], holder, name in broken))
    return needs


def _judged(need: Need, decision: Decision, here: frozenset[str], taken_by: str, broken: bool) -> Need:
    """How one thing stands, after what was decided about it. Raises: Invalid."""
    kind, name = need.kind, need.name
    if decision.get("use"):
        if decision["use"] not in here:
            raise Invalid(f"There is no {kind} “{decision['use'][:80]}” to use for “{name[:80]}”.", "bad_choice")
        return replace(need, state="chosen", use=decision["use"], sentence=_answered_by(decision["use"], taken_by))
    if name in here:
        if taken_by:
            return replace(need, state="taken", sentence=_answered_by(name, taken_by))
        if broken:
            sentence = f"The secret of the credential “{name}” cannot be opened here: enter it again."
            return replace(need, state="secret_to_fill", sentence=sentence)
        return need
    if "create" in decision:
        if not need.may_create:
            raise Invalid(f"A {kind} cannot be created by an import: create “{name[:80]}” first.", "bad_choice")
        return replace(need, state="created")
    if decision.get("leave"):
        sentence = f"There is no {kind} “{name[:80]}” here; what names it cannot be published until there is one."
        return replace(need, state="left", sentence=sentence)
    instead = f"Choose another {kind}, {'create it, ' if need.may_create else ''}or leave it missing for now."
    return replace(need, state="missing", sentence=f"There is no {kind} “{name[:80]}” here. {instead}")


def _answered_by(number: str, flow: str) -> str:
    return f"The number “{number}” is answered by the flow “{flow}”; publishing will say so." if flow else ""


def _here(session: Session, house: House, file: FlowFile) -> dict[str, frozenset[str]]:
    names: InstallationNames = installation_names(session, house.steps, 0, file.flows[0], ())
    found = {kind: frozenset(getattr(names, f"{kind}s", ())) for kind in NAMED}
    found["file"] = frozenset(
        name for flow in file.flows for name in installation_names(session, house.steps, 0, flow, ()).files
    )
    found["flow"] = frozenset(session.scalars(select(FlowRow.name)))
    return found


def _unsealed(session: Session, house: House, names: set[str]) -> set[str]:
    broken = set()
    for row in session.scalars(select(CredentialRow).where(CredentialRow.name.in_(names))):
        try:
            open_credential(house.key, row.name, row.kind, json.loads(row.origins), row.sealed)
        except SealBroken:
            broken.add(row.name)
    return broken


def _taken(session: Session, house: House, flows: Sequence[Flow]) -> dict[str, str]:
    """The numbers that flows want to answer, as they would be here, and other live flows do."""
    taken: dict[str, str] = {}
    for flow in flows:
        claims = wanted(flow, house.steps)
        own = session.scalar(select(FlowRow.id).where(FlowRow.name == flow.name)) or 0
        held = claimed_slots(session, house.steps, own, {one.number for one in claims})
        for slot in slots([one.claim for one in claims]):
            if slot in held:
                taken[slot.number] = held[slot]
    return taken
