"""Checks a flow that lies in a file: against this installation where there is one, else without its names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import OperationalError

from app import publishing
from app.config import Settings
from app.step_host import installed_steps
from app.wiring import START_REFUSALS, STEP_PACKAGES, open_house
from flows import document, flow_file
from flows.check import Finding, InstallationNames, blocks, check
from flows.document import Flow
from flows.errors import DocumentError, FlowError
from flows.flow_file import FlowFile
from flows.registry import Registry

_NEED_NAMES = frozenset({"missing_reference", "number_unsuitable"})


@dataclass(frozen=True)
class Checked:
    """The findings as lines to print, and whether one prevents publishing."""

    lines: Sequence[str]
    blocks: bool


def check_file(settings: Settings, path: Path) -> Checked:
    """Raises: as read_flow."""
    flow = read_flow(settings, path)
    note = ""
    try:
        findings = _here(settings, flow)
    except (*START_REFUSALS, OperationalError):
        note = "Without an installation: names of numbers, queues, credentials and constants were not looked up."
        found = check(flow, Registry.discover(STEP_PACKAGES, installed_steps()), InstallationNames(), settings.limits)
        findings = [finding for finding in found if finding.code not in _NEED_NAMES]
    lines = [_line(finding) for finding in findings] or [f"“{flow.name}” has no findings."]
    return Checked([*lines, *([note] if note else [])], blocks(findings))


def read_flow(settings: Settings, path: Path) -> Flow:
    """The flow in a file.

    Raises: OSError when the file cannot be read; FlowError, which names it, when it is no flow.
    """
    with path.open("rb") as file:
        start = file.read(settings.limits.document_bytes + 1)  # what is longer is refused, however long it is
    try:
        return document.read(start, settings.limits)
    except DocumentError as problem:
        raise FlowError(f"{path}: {problem}") from None


def read_flows(settings: Settings, path: Path) -> Sequence[Flow]:
    """The flows in a file, or the one of a bare document. Raises: as read_file."""
    return read_file(settings, path).flows


def read_file(settings: Settings, path: Path) -> FlowFile:
    """What a file, or a bare document, holds.

    Raises: OSError when the file cannot be read; FlowError, which names it, when it holds no flows.
    """
    with path.open("rb") as file:
        start = file.read(flow_file.MOST_BYTES + 1)  # what is longer is refused, however long it is
    try:
        return flow_file.read(start, settings.limits)
    except DocumentError as problem:
        raise FlowError(f"{path}: {problem}") from None


def _here(settings: Settings, flow: Flow) -> list[Finding]:
    """As if it replaced the flow of its name."""
    with open_house(settings) as house, house.database.reading() as session:
        return publishing.findings(session, house, publishing.flow_id_of(session, flow.name), flow)


def _line(finding: Finding) -> str:
    place = " ".join(part for part in (finding.step, finding.field) if part)
    return f"{finding.severity}: {f'{place}: ' if place else ''}{finding.sentence} {finding.mend}".rstrip()
