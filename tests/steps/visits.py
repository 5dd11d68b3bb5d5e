"""Visits of the installed steps for tests, as the contract makes them (`app.contract.visit`)."""

from dataclasses import dataclass, field, replace

from app.contract import visit
from app.contract.visit import CALL, HELLO, NOW, called_flow, facts_of
from flows.ask import HttpAnswer
from flows.context import Context
from flows.document import Flow, PlacedStep
from flows.event import Event, Happening
from flows.facts import Facts
from flows.interpreter import begin
from flows.limits import Limits
from flows.registry import Registry
from flows.step import Config, Step
from flows.values import Value
from flows.walk import Steps

__all__ = ["CALL", "HELLO", "NOW", "STEPS", "Visit", "answer", "called_flow", "context_of", "facts_of", "step_of"]

STEPS = Registry.discover(["steps"])


def step_of(kind: str) -> Step:
    """The built-in step of a type."""
    found = STEPS.get(kind)
    assert found is not None, kind
    return found


def context_of(config: Config, happened: Happening = HELLO, facts: Facts | None = None, **variables: Value) -> Context:
    """A context as a step sees it on entering, for what needs no interpreter."""
    flow = Flow("test", {"it": PlacedStep("it", "say", config)}, languages=("en", "pl"))
    event = Event(happened, NOW, NOW, facts or facts_of(), "e")
    run = replace(begin("v1", flow, "it", event, "example"), variables=variables)
    return Context(flow, "it", config, run, event, Limits())


@dataclass
class Visit(visit.Visit):
    """One visit of an installed step."""

    steps: Steps = field(default_factory=lambda: STEPS, kw_only=True)


def answer(body: str = "{}", status: int = 200) -> HttpAnswer:
    """An HTTP answer with JSON."""
    return HttpAnswer(status, {"content-type": "application/json"}, body)
