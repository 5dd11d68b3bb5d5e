"""Whatever stands in a config: the checks say what is wrong, and what they let pass never breaks a step's code."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.ask import (
    AddressState,
    AddressStateAnswer,
    Answer,
    CalendarState,
    CalendarStateAnswer,
    FileState,
    FileStateAnswer,
    FlowVersion,
    FlowVersionAnswer,
    HttpAnswer,
    HttpRequest,
    PhonesOfContacts,
    PhonesOfContactsAnswer,
    QueueState,
    QueueStateAnswer,
    Request,
    Way,
    WaysToContact,
    WaysToContactAnswer,
    WebhookState,
    WebhookStateAnswer,
)
from flows.check import Finding, InstallationNames, check
from flows.document import from_data
from flows.errors import DocumentError
from flows.event import (
    Attachment,
    CallerHungUp,
    CallPolled,
    DialEnded,
    FlowEnded,
    Happening,
    KeysPressed,
    MessageAccepted,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    Recorded,
    RecordingStored,
    TimerFired,
    WebhookReceived,
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
    QueueLeft("closed"), MessageFailed("example/0/0", "weird"), MessageAccepted("example/0/0"), DialEnded("completed"),
    DialEnded("failed", 404), CallerHungUp(), Recorded("example/0/0", "https://e.com/1", 6),
    RecordingStored("example/0/0", Attachment("audio/wav", "a.wav", file="5f" * 32), 6), WebhookReceived("k", ["x"]),
]  # fmt: skip


NEVER_RUN = {"bad_config", "bad_template", "bad_pattern", "bad_schema", "exit_twice"}  # each prevents publishing


def answer_to(asked: Request, source: random.Random) -> Answer:
    """Any of the answers that a host may give."""
    answers: Mapping[type[Request], Sequence[Answer]] = {
        HttpRequest: ANSWERS,
        QueueState: [QueueStateAnswer(exists=True), QueueStateAnswer(exists=False)],
        CalendarState: [CalendarStateAnswer(exists=True, state="open"), CalendarStateAnswer(exists=True)],
        FileState: [FileStateAnswer(), FileStateAnswer("7", "audio/wav"), FileStateAnswer("7", "image/png")],
        FlowVersion: [FlowVersionAnswer("called")],
        AddressState: [AddressStateAnswer("nobody"), AddressStateAnswer("another")],
        WebhookState: [WebhookStateAnswer(), WebhookStateAnswer("Nobody could believe it.")],
    }
    if isinstance(asked, PhonesOfContacts):
        return PhonesOfContactsAnswer(tuple(source.choice(["", "+48500100100"]) for _ in asked.addresses))
    if isinstance(asked, WaysToContact):
        return WaysToContactAnswer(tuple(Way(one, source.choice(["", "opted_out"])) for one in asked.numbers))
    return source.choice(answers[type(asked)])


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
        if {finding.code for finding in findings} & NEVER_RUN:
            continue
        visit = Visit(step.type, config, {"phone": "+48500100100"}, example.variables, on_call=example.on_call)
        for _ in range(4):
            asked = visit.run.open_turn.request if visit.run.open_turn else None
            if asked is not None:
                visit.feed(answer_to(asked, source))
                if isinstance(asked, FlowVersion):
                    visit.feed(FlowEnded("completed", {"total": "x"}))
            elif visit.run.status == "waiting":
                visit.feed(source.choice(HAPPENINGS))
        errors.add(visit.error)
        assert visit.error != "step_error", (config, visit.message)
    assert "step_broken" not in codes
    assert len(codes) > 10
    assert len(errors) > 10
