"""What a trace holds: an entry for each visited step, as JSON data that is stored with its turn."""

from typing import Any, NotRequired, TypedDict


class AskEntry(TypedDict):
    """What a step asked of the host, and what came back as soon as it did; `kind` says which request it is."""

    request: dict[str, Any]
    answer: NotRequired[dict[str, Any]]


class WaitEntry(TypedDict):
    """What a step began to wait for: words of `flows.awaited.ACCEPTABLE`, and its time limit."""

    accepts: list[str]
    until: str | None
    limit_seconds: float | None


class FailureEntry(TypedDict):
    """Why a step failed."""

    kind: str
    message: str
    retryable: bool


class Entry(TypedDict):
    """A visit of a step: what it read, did and why.

    version: the id of its flow's version. exit: None while it waits, asks or runs a flow. inputs, missing: what its
    templates read, and what had no value. set: the variables it set. why: the step's own words. effects: how many.
    came_by: the kind of the event that ended its wait, or `flows.visit.FLOW_FAILED`. outcome: of the flow that it
    ended. enters: the version of the flow that it runs.
    """

    version: str
    step: str
    type: str
    exit: str | None
    inputs: dict[str, Any]
    missing: list[str]
    set: dict[str, Any]
    why: dict[str, Any]
    effects: int
    came_by: NotRequired[str]
    asks: NotRequired[list[AskEntry]]
    waits: NotRequired[WaitEntry]
    failure: NotRequired[FailureEntry]
    outcome: NotRequired[str]
    enters: NotRequired[str]
