"""Whatever stands in a config: the checks say what is wrong, and what they let pass never breaks a step's code."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from flows.ask import (
    CalendarState,
    CalendarStateAnswer,
    FileState,
    FileStateAnswer,
    FlowVersion,
    FlowVersionAnswer,
    HttpAnswer,
    HttpRequest,
    QueueState,
    QueueStateAnswer,
)
from flows.check import Finding, InstallationNames, check
from flows.document import from_data
from flows.errors import DocumentError
from flows.event import (
    CallPolled,
    FlowEnded,
    Happening,
    KeysPressed,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    TimerFired,
)
from flows.step import Example, Step
from tests.steps.visits import STEPS, Visit

PARTS: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**12, "", "x", "{{ x }}", "{{ 1 / 0 }}", "{{", "{{ contact.phone }}", "(",
    "a" * 300, "end", "failure", "\0", "https://e.com", "+48500100100", "sip:a@b", "key", "*", "#", [], {}, ["x", {}],
    {"id": []}, {"en": {"en": "x"}}, {"value": "x", "as": "text", "operator": []}, {"key": "1", "label": {"en": "One"}},
]  # fmt: skip
ANSWERS = [HttpAnswer(200, body='{"a": [1e5, null]}'), HttpAnswer(200, body="<html>"), HttpAnswer(503), HttpAnswer(404)]
HAPPENINGS: list[Happening] = [
    MessageReceived("hi"), MessageReceived("12"), KeysPressed("1"), KeysPressed(), CallPolled(), TimerFired(),
    QueueLeft("closed"), MessageFailed("example/0/0", "weird"),
]  # fmt: skip


def changed(source: random.Random, data: Any) -> Any:
    """The data with one part of it, however deep, made something else."""
    if isinstance(data, Mapping) and data and source.random() < 0.85:
        name = source.choice(list(data))
        kept = {key: part for key, part in data.items() if key != name or source.random() < 0.9}
        return {**kept, name: changed(source, data[name])} if name in kept else kept
    if isinstance(data, list) and data and source.random() < 0.85:
        at = source.randrange(len(data))
        return [*data[:at], changed(source, data[at]), *data[at + 1 :]]
    return source.choice(PARTS)


def configs(count: int, seed: int) -> Iterator[tuple[Step, Example, Mapping[str, Any], list[Finding]]]:
    """Examples with one to three parts changed, and what the checks find in each."""
    source = random.Random(seed)
    for _ in range(count):
        step = source.choice(list(STEPS))
        example = source.choice(step.examples)
        config: Any = example.config
        for _ in range(source.randrange(1, 4)):
            config = changed(source, config)
        steps = {"it": {"type": step.type, "config": config, "exits": {"next": "end"}}}
        try:
            flow = from_data({"format": 1, "name": "Hostile", "languages": ["en"], "steps": steps})
        except DocumentError:
            continue
        yield step, example, flow.steps["it"].config, check(flow, STEPS, InstallationNames())


def test_a_hostile_config_is_answered_by_findings_and_breaks_no_step() -> None:
    source, codes, errors = random.Random(7), set(), set()
    for step, example, config, findings in configs(3_000, seed=20261122):
        codes |= {finding.code for finding in findings}
        assert all(one.sentence.endswith((".", "?")) and one.mend.endswith((".", "?")) for one in findings), findings
        if {finding.code for finding in findings} & {"bad_config", "bad_template", "bad_pattern"}:
            continue
        visit = Visit(step.type, config, {"phone": "+48500100100"}, example.variables, on_call=example.on_call)
        for _ in range(4):
            asked = visit.run.open_turn.request if visit.run.open_turn else None
            if isinstance(asked, HttpRequest):
                visit.feed(source.choice(ANSWERS))
            elif isinstance(asked, QueueState):
                visit.feed(QueueStateAnswer(exists=True))
            elif isinstance(asked, CalendarState):
                visit.feed(CalendarStateAnswer(exists=True, state=source.choice(["open", "closed"])))
            elif isinstance(asked, FileState):
                visit.feed(FileStateAnswer(source.choice(["", "7"]), source.choice(["audio/wav", "image/png"])))
            elif isinstance(asked, FlowVersion):
                visit.feed(FlowVersionAnswer("called")).feed(FlowEnded("completed", {"total": "x"}))
            elif asked is None and visit.run.status == "waiting":
                visit.feed(source.choice(HAPPENINGS))
        errors.add(visit.error)
        assert visit.error != "step_error", (config, visit.message)
    assert "step_broken" not in codes
    assert len(codes) > 10
    assert len(errors) > 10
