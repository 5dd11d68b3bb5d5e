from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from flows.ask import Answer, QueueState, QueueStateAnswer
from flows.check import InstallationNames, check
from flows.document import from_data
from flows.effect import Dial, EnterQueue, LeaveQueue, Pause, Say, SendMessage
from flows.event import CallerHungUp, CallPolled, DialEnded, Happening, QueueLeft, TimerFired
from tests.steps.visits import NOW, STEPS, Visit, step_of

OURS: Mapping[str, Any] = {"target": {"queue": "standard"}}
BESIDE = {**OURS, "goes_on": "when_assigned"}
SIP: Mapping[str, Any] = {"target": {"sip": "sip:gold@queues.example.com;transport=tcp"}}
OPEN = QueueStateAnswer(exists=True, waiting=3, waiting_text={"en": "Please hold the line."})

LEAVES: list[tuple[Mapping[str, Any], Sequence[Happening | Answer], str | None, str | None]] = [
    (OURS, [OPEN], None, None),
    (OURS, [OPEN, QueueLeft("closed")], "closed", None),
    (OURS, [OPEN, QueueLeft("timed_out")], "timed_out", None),
    (OURS, [OPEN, QueueLeft("assigned")], None, None),
    (OURS, [OPEN, QueueLeft("assigned"), QueueLeft("closed")], "closed", None),
    (OURS, [OPEN, TimerFired()], "timed_out", None),
    (OURS, [QueueStateAnswer(exists=False)], "failure", "queue_missing"),
    (OURS, [QueueStateAnswer(exists=True, is_open=False)], "out_of_hours", None),
    (OURS, [QueueStateAnswer(exists=True, waiting=2, maximum_length=2)], "full", None),
    (OURS, [QueueStateAnswer(exists=True, waiting=1, maximum_length=2)], None, None),
    (OURS, [QueueStateAnswer(exists=True, waiting=999)], None, None),
    (BESIDE, [OPEN, QueueLeft("assigned")], "assigned", None),
    (BESIDE, [OPEN, QueueLeft("timed_out")], "timed_out", None),
    ({"target": {"queue": "{{ nobody }}"}}, [], "failure", "expression_error"),
    (SIP, [], "failure", "not_a_call"),
    ({"target": {"number": "+48221234567"}}, [], "failure", "not_a_call"),
]


@pytest.mark.parametrize(("config", "turns", "left_by", "kind"), LEAVES)
def test_a_queue_of_ours_is_left_by_what_people_did(
    config: Mapping[str, Any], turns: Sequence[Happening | Answer], left_by: str | None, kind: str | None
) -> None:
    visit = Visit("forward_to_queue", config).feed_all(turns)
    assert (visit.left_by, visit.error) == (left_by, kind), visit.message


def test_the_queue_may_be_computed_and_is_looked_at_before_it_is_entered() -> None:
    visit = Visit("forward_to_queue", {"target": {"queue": "{{ tier }}"}}, variables={"tier": "gold"})
    assert visit.asked == QueueState("gold", NOW)
    assert visit.effects == []
    assert visit.feed(OPEN).effects == [EnterQueue("gold", reason="test: Forward to a queue")]
    assert visit.run.in_queue


def test_priority_wait_note_and_words_go_with_the_contact() -> None:
    config = {
        **OURS,
        "priority": -5,
        "maximum_wait_seconds": 90,
        "note": "Wants {{ topic }}",
        "waiting_text": {"en": "You are number {{ queue.position }}."},
    }
    visit = Visit("forward_to_queue", config, variables={"topic": "a refund"}).feed(OPEN)
    assert visit.effects == [
        SendMessage("You are number 4.", language="en"),
        EnterQueue("standard", priority=-5, maximum_wait_seconds=90, reason="Wants a refund"),
    ]


@pytest.mark.parametrize(
    ("config", "state", "seconds"),
    [
        ({"maximum_wait_seconds": 60}, OPEN, 60),
        ({}, QueueStateAnswer(exists=True, maximum_wait_seconds=300), 300),
        ({"maximum_wait_seconds": 60}, QueueStateAnswer(exists=True, maximum_wait_seconds=300), 60),
        ({}, OPEN, 30 * 86_400),
    ],
)
def test_the_wait_ends_with_the_authors_limit_else_the_queues_else_the_installations(
    config: Mapping[str, Any], state: QueueStateAnswer, seconds: float
) -> None:
    visit = Visit("forward_to_queue", {**OURS, **config}).feed(state)
    waiting = visit.run.waiting
    assert waiting is not None
    assert waiting.until is not None
    assert (waiting.until - NOW).total_seconds() == seconds


def test_a_wait_that_is_over_takes_the_contact_out_of_the_queue() -> None:
    visit = Visit("forward_to_queue", OURS).feed_all([OPEN, TimerFired()])
    assert visit.effects[-1] == LeaveQueue("timed_out")
    assert not visit.run.in_queue


def test_once_somebody_has_it_the_limit_on_waiting_is_no_more() -> None:
    visit = Visit("forward_to_queue", {**OURS, "maximum_wait_seconds": 60}).feed_all([OPEN, QueueLeft("assigned")])
    waiting = visit.run.waiting
    assert waiting is not None
    assert waiting.until is not None
    assert (waiting.until - NOW).days >= 30
    assert visit.run.in_queue


def test_a_caller_hears_the_waiting_text_again_and_again_within_one_limit() -> None:
    visit = Visit("forward_to_queue", {**OURS, "maximum_wait_seconds": 60}, on_call=True).feed(OPEN)
    said = [Say("Please hold the line.", language="en"), Pause(10)]
    assert visit.effects == [EnterQueue("standard", maximum_wait_seconds=60, reason="test: Forward to a queue"), *said]
    first = visit.run.waiting
    visit.feed(CallPolled()).feed(CallPolled())
    again = visit.run.waiting
    assert visit.effects[-4:] == said * 2
    assert first is not None
    assert again is not None
    assert (first.accepts, first.until) == (("queue", "poll"), again.until)


def test_a_queues_words_for_callers_are_not_written_in_a_chat() -> None:
    assert Visit("forward_to_queue", OURS).feed(OPEN).effects == [
        EnterQueue("standard", reason="test: Forward to a queue")
    ]


def test_the_words_while_waiting_may_name_the_next_opening() -> None:
    words = '{{ queue.next_opening | format_date("%d.%m. %H:%M", "Europe/Warsaw") }}'
    opens_at = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
    config = {**OURS, "waiting_text": {"en": words}}
    visit = Visit("forward_to_queue", config).feed(QueueStateAnswer(exists=True, next_opening_at=opens_at))
    assert visit.effects[0] == SendMessage("30.11. 08:00", language="en")


def test_the_trace_says_when_a_closed_queue_opens() -> None:
    opens_at = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
    visit = Visit("forward_to_queue", OURS)
    visit.feed(QueueStateAnswer(exists=True, is_open=False, next_opening_at=opens_at))
    assert (visit.left_by, visit.why["next_opening"]) == ("out_of_hours", "2026-11-30T07:00:00+00:00")


def test_a_caller_who_hangs_up_leaves_the_queue() -> None:
    visit = Visit("forward_to_queue", OURS, on_call=True).feed_all([OPEN, CallerHungUp()])
    assert visit.effects[-1] == LeaveQueue("abandoned")
    assert visit.run.outcome == "caller_hung_up"


DIALLED: list[tuple[Mapping[str, Any], Dial]] = [
    (SIP, Dial(sip="sip:gold@queues.example.com;transport=tcp", ring_seconds=60)),
    (
        {
            "target": {"sip": "sip:{{ tier }}@queues.example.com"},
            "headers": [{"name": "X-Loyalty-Tier", "value": "{{ tier }}"}],
            "maximum_wait_seconds": 20,
            "caller_id": "+48221112233",
        },
        Dial(
            sip="sip:g%20d@queues.example.com",
            headers={"X-Loyalty-Tier": "g d"},
            caller_id="+48221112233",
            ring_seconds=20,
        ),
    ),
    ({"target": {"sip": "{{ uri }}"}}, Dial(sip="sips:vip@example.com", ring_seconds=60)),
    ({"target": {"number": "+48 22 123 45 67"}}, Dial(number="+48221234567", ring_seconds=60)),
    ({"target": {"number": "{{ contact.phone }}"}}, Dial(number="+48500100100", ring_seconds=60)),
    ({**SIP, "maximum_wait_seconds": 86_400}, Dial(sip="sip:gold@queues.example.com;transport=tcp", ring_seconds=600)),
]


@pytest.mark.parametrize(("config", "dial"), DIALLED)
def test_somebody_elses_queue_is_dialled(config: Mapping[str, Any], dial: Dial) -> None:
    known = {"tier": "g d", "uri": "sips:vip@example.com"}
    visit = Visit("forward_to_queue", config, {"phone": "+48500100100"}, known, on_call=True)
    assert visit.effects == [dial], visit.message
    waiting = visit.run.waiting
    assert waiting is not None
    assert waiting.accepts == ("dial",)
    assert waiting.until is not None
    assert (waiting.until - NOW).total_seconds() == step_of("forward_to_queue").effective_limit(config)


OUTCOMES: list[tuple[Happening, str, str | None]] = [
    (DialEnded("completed", seconds=60), "closed", None),
    (DialEnded("busy"), "timed_out", None),
    (DialEnded("no-answer"), "timed_out", None),
    (DialEnded("canceled"), "timed_out", None),
    (DialEnded("failed"), "failure", "sip_status"),
    (DialEnded("failed", sip_status=404), "failure", "sip_status"),
    (TimerFired(), "timed_out", None),
]


@pytest.mark.parametrize(("ended", "left_by", "kind"), OUTCOMES)
def test_the_other_systems_outcome_decides_the_exit(ended: Happening, left_by: str, kind: str | None) -> None:
    visit = Visit("forward_to_queue", SIP, on_call=True).feed(ended)
    assert (visit.left_by, visit.error) == (left_by, kind)
    if isinstance(ended, DialEnded) and ended.sip_status:
        assert str(ended.sip_status) in visit.message


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ({"number": "12"}, "invalid_target"),
        ({"number": "22 123 45 67"}, "invalid_target"),
        ({"number": "{{ nobody }}"}, "expression_error"),
        ({"sip": "https://example.com"}, "invalid_target"),
        ({"sip": "sip:a b@example.com"}, "invalid_target"),
        ({"sip": "sip:{{ nobody }}@example.com"}, "expression_error"),
    ],
)
def test_a_target_that_cannot_be_dialled_fails_by_name(target: Mapping[str, Any], kind: str) -> None:
    visit = Visit("forward_to_queue", {"target": target}, on_call=True)
    assert (visit.left_by, visit.error, visit.effects) == ("failure", kind, [])


EXITS: list[tuple[Mapping[str, Any], Sequence[str]]] = [
    (OURS, ["closed", "timed_out", "full", "out_of_hours"]),
    (BESIDE, ["assigned", "timed_out", "full", "out_of_hours"]),
    (SIP, ["closed", "timed_out"]),
    ({"target": {"number": "+48221234567"}}, ["closed", "timed_out"]),
]


@pytest.mark.parametrize(("config", "ways"), EXITS)
def test_the_exits_follow_the_target(config: Mapping[str, Any], ways: Sequence[str]) -> None:
    assert [way.id for way in step_of("forward_to_queue").exits(config)] == ways


CALLS = {"type": "incoming_call", "config": {"numbers": ["line"]}, "exits": {"next": "it"}}
CHATS = {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "it"}}


@pytest.mark.parametrize(
    ("config", "triggers", "found"),
    [
        (OURS, {"call": CALLS, "chat": CHATS}, []),
        (SIP, {"call": CALLS}, []),
        (SIP, {"chat": CHATS}, [("blocking", "wrong_medium")]),
        ({"target": {"number": "+48221234567"}}, {"chat": CHATS}, [("blocking", "wrong_medium")]),
        (SIP, {"call": CALLS, "chat": CHATS}, [("warning", "mixed_media")]),
    ],
)
def test_another_system_that_only_messages_come_to_is_a_finding(
    config: Mapping[str, Any], triggers: Mapping[str, Any], found: list[tuple[str, str]]
) -> None:
    ways = {way.id: "end" for way in step_of("forward_to_queue").exits(config)}
    steps = {**triggers, "it": {"type": "forward_to_queue", "config": config, "exits": ways}}
    flow = from_data({"format": 1, "name": "Forward", "languages": ["en"], "steps": steps})
    numbers = {"line": frozenset({"calls"}), "chat": frozenset({"messages"})}
    findings = check(flow, STEPS, InstallationNames(queues=frozenset({"standard"}), numbers=numbers))
    assert [(one.severity, one.code) for one in findings if "medi" in one.code] == found


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        (OURS, []),
        (SIP, []),
        ({"target": {"sip": "gold@example.com"}}, ["invalid_target"]),
        ({"target": {"number": "12"}}, ["invalid_target"]),
        ({"target": {"number": "{{ contact.phone }}"}}, []),
        ({**SIP, "goes_on": "when_assigned"}, ["goes_on_unknown"]),
    ],
)
def test_targets_that_can_never_be_reached_are_findings(config: Mapping[str, Any], codes: Sequence[str]) -> None:
    assert [problem.code for problem in step_of("forward_to_queue").problems(config)] == codes
