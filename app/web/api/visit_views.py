"""How the API shows the visits of a trace: each step with what it read, did and why, by the names people know."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, NotRequired, TypedDict, get_args

from sqlalchemy.orm import Session

from app.web.api.answers import Instant, OneOf
from app.web.api.called import Called, CalledVersionData, StepPlaceData, called
from flows.ask import FlowVersion, Request
from flows.awaited import ACCEPTABLE
from flows.event import FlowEnded, TimerFired
from flows.trace import AskEntry, Entry
from flows.visit import FLOW_FAILED
from flows.wire import kind_of

_ENTERS: Final = kind_of(FlowVersion)
_REQUESTS: Final = ", ".join(sorted(kind_of(one) for one in get_args(Request)))
_CAME_BY: Final = (*(kind_of(one) for one in (*ACCEPTABLE.values(), TimerFired, FlowEnded)), FLOW_FAILED)

AwaitedWord = Annotated[str, OneOf(tuple(ACCEPTABLE))]


class VisitAskData(TypedDict):
    """What a step asked of the installation or of another system, and what came back; of HTTP without the body."""

    request: Annotated[dict[str, Any], f"What was asked for; `kind` is one of {_REQUESTS}."]
    answer: NotRequired[
        Annotated[dict[str, Any], "Missing while there is none; that to flow_version names `flow` and `version`."]
    ]


class VisitWaitData(TypedDict):
    """What a step began to wait for, besides the end of its time limit; that is none of `accepts`."""

    accepts: list[AwaitedWord]
    until: Instant | None
    limit_seconds: float | None


class VisitFailureData(TypedDict):
    """Why a step failed."""

    kind: Annotated[str, "An error kind of its kind of step, or of the engine."]
    message: str
    retryable: bool


class VisitData(StepPlaceData):
    """A visit of a step in a turn: what it read, did and why.

    Private values and secrets are hidden; long texts, lists and objects are cut and say so.
    """

    type: Annotated[str, "The kind of step; empty for one that its flow does not have."]
    exit: Annotated[str | None, "Null where it waits, runs a flow, or was left because the call or the run ended."]
    inputs: Annotated[dict[str, Any], "What its templates read: names with their values."]
    missing: Annotated[list[str], "What its templates read that had no value."]
    set: Annotated[dict[str, Any], "The variables that it set, with their values."]
    why: Annotated[dict[str, Any], "Why it went this way, in its own words."]
    effects: Annotated[int, "How many things it had done, such as messages."]
    came_by: NotRequired[Annotated[str, OneOf(_CAME_BY), "What ended its wait, or the flow that it ran."]]
    asks: NotRequired[list[VisitAskData]]
    waits: NotRequired[VisitWaitData]
    failure: NotRequired[VisitFailureData]
    outcome: NotRequired[Annotated[str, "The outcome of the flow, where it ended that."]]
    enters: NotRequired[Annotated[CalledVersionData, "The flow that it runs."]]


def visits_data(session: Session, traces: Sequence[Sequence[Entry]]) -> list[list[VisitData]]:
    """The visits of recorded traces, each with its flow, the number of its version and its step's title."""
    versions = called(session, {row for visits in traces for visit in visits for row in rows_of(visit)})
    return [[visit_data(visit, versions) for visit in visits] for visits in traces]


def visit_data(visit: Entry, versions: Mapping[str, Called]) -> VisitData:
    """A visit by names."""
    place = versions[visit["version"]].place(visit["step"])
    shown: VisitData = {
        "flow": place["flow"],
        "version": place["version"],
        "step": place["step"],
        "title": place["title"],
        "type": visit["type"],
        "exit": visit["exit"],
        "inputs": visit["inputs"],
        "missing": visit["missing"],
        "set": visit["set"],
        "why": visit["why"],
        "effects": visit["effects"],
    }
    if "came_by" in visit:
        shown["came_by"] = visit["came_by"]
    if "asks" in visit:
        shown["asks"] = [_ask(asked, versions) for asked in visit["asks"]]
    if "waits" in visit:
        shown["waits"] = visit["waits"]
    if "failure" in visit:
        shown["failure"] = visit["failure"]
    if "outcome" in visit:
        shown["outcome"] = visit["outcome"]
    if "enters" in visit:
        shown["enters"] = versions[visit["enters"]].named
    return shown


def rows_of(visit: Entry) -> Iterable[str]:
    """The versions that a visit names: its own, and those that it entered."""
    yield visit["version"]
    if "enters" in visit:
        yield visit["enters"]
    for asked in visit.get("asks", ()):
        if row := _entered(asked):
            yield row


def _entered(asked: AskEntry) -> str:
    """The version that a flow's name was answered with, empty for another request and where there was none.

    An older release hid those digits of it that a private variable had too.
    """
    if asked["request"].get("kind") != _ENTERS:
        return ""
    row = str(asked.get("answer", {}).get("version", ""))
    return row if row.isdecimal() else ""


def _ask(asked: AskEntry, versions: Mapping[str, Called]) -> VisitAskData:
    told: VisitAskData = {**asked}
    if row := _entered(asked):
        told["answer"] = {**asked["answer"], **versions[row].named}
    return told
