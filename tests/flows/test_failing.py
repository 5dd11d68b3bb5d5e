from dataclasses import replace
from typing import Any

import pytest

from flows.ask import HttpAnswer
from flows.effect import Dial, EnterQueue, HangUp, LeaveQueue, Say, SendMessage
from flows.event import CallerHungUp, CallStarted, MessageReceived, TimerFired
from flows.failing import ENGINE_ERRORS
from flows.limits import Limits
from flows.run import Turn
from tests.flows.toys import IN_CHAT, ON_CALL, Conversation, flow_of

HELLO = MessageReceived("hello")
CALL = CallStarted("CA1", "+48600100200", "+48221002003")
TO_PEOPLE = EnterQueue("people", run_waits=False, reason="failed: broken")
BAD: tuple[Any, ...] = ("break", {})
SORRY = ("note", {"next": "end"}, {"text": "We are sorry."})


def failing(bad: tuple[Any, ...], **keys: Any) -> Conversation:
    steps = {"start": ("begin", {"next": "bad"}), "bad": bad, "sorry": SORRY, "worse": ("break", {"failure": "end"})}
    return Conversation(flow_of({**steps, "voice": ("speak", {"next": "end"})}, **keys))


def failures(turn: Turn) -> list[str]:
    """What failed, as the errors page will show it."""
    return [f"{entry['step']}: {entry['failure']['kind']}" for entry in turn.trace if "failure" in entry]


def test_a_wired_failure_exit_is_taken_and_the_failure_noted() -> None:
    turn = failing(("break", {"failure": "sorry"}), on_failure="worse").feed(HELLO)
    assert turn.effects == (SendMessage("We are sorry."),)
    assert turn.run.outcome == "completed"
    assert [entry["step"] for entry in turn.trace] == ["start", "bad", "sorry"]
    assert failures(turn) == ["bad: broken"]


def test_a_failure_exit_may_end_the_run() -> None:
    turn = failing(("break", {"failure": "end"}), on_failure="sorry").feed(HELLO)
    assert (turn.effects, turn.run.outcome, turn.run.error["kind"]) == ((), "completed", "broken")


def test_an_unwired_failure_goes_to_on_failure_and_is_noted() -> None:
    turn = failing(BAD, on_failure="sorry").feed(HELLO)
    assert turn.effects == (SendMessage("We are sorry."),)
    assert turn.run.outcome == "completed"
    assert turn.trace[1]["failure"] == {"kind": "broken", "message": "It does not work.", "retryable": False}
    assert turn.trace[1]["why"] == {"tried": True}


def test_a_failure_exit_that_leads_to_no_step_counts_as_unwired() -> None:
    turn = failing(("break", {"failure": "gone"}), on_failure="sorry").feed(HELLO)
    assert turn.effects == (SendMessage("We are sorry."),)


def test_without_on_failure_the_installation_apologises_and_people_get_the_conversation() -> None:
    turn = failing(BAD).feed(HELLO)
    assert turn.effects == (SendMessage("Sorry.", language="en"), TO_PEOPLE)
    assert (turn.run.status, turn.run.outcome) == ("ended", "failed")


@pytest.mark.parametrize(
    ("fallback_number", "way_out"), [("", HangUp()), ("+48221002000", Dial(number="+48221002000"))]
)
def test_on_a_live_call_the_caller_hears_it_and_is_let_out(fallback_number: str, way_out: HangUp | Dial) -> None:
    talk = failing(BAD)
    talk.facts = replace(ON_CALL, fallback_number=fallback_number, fallback_queue="night")
    turn = talk.feed(CALL)
    assert turn.effects == (Say("Sorry.", language="en"), way_out, replace(TO_PEOPLE, queue="night"))
    assert turn.run.outcome == "failed"


@pytest.mark.parametrize(
    ("of_contact", "of_flow", "apology", "said"),
    [
        ("pl", ("en", "pl"), {"en": "Sorry.", "pl": "Przepraszamy."}, ("Przepraszamy.", "pl")),
        ("pl", ("en",), {"en": "Sorry.", "pl": "Przepraszamy."}, ("Przepraszamy.", "pl")),
        ("ru", ("en",), {"en": "Sorry.", "pl": "Przepraszamy."}, ("Sorry.", "en")),
        ("", ("pl", "en"), {"en": "Sorry.", "pl": "Przepraszamy."}, ("Przepraszamy.", "pl")),
        ("", ("ru",), {"pl": "Przepraszamy.", "de": "Leider."}, ("Leider.", "de")),
        ("", ("en",), {}, None),
    ],
)
def test_the_apology_is_in_the_contacts_language(
    of_contact: str, of_flow: tuple[str, ...], apology: dict[str, str], said: tuple[str, str] | None
) -> None:
    talk = failing(BAD, languages=of_flow)
    talk.facts = replace(IN_CHAT, language=of_contact, apology=apology)
    effects = talk.feed(HELLO).effects
    assert effects[:-1] == ((SendMessage(said[0], language=said[1]),) if said else ())
    assert effects[-1] == TO_PEOPLE


def test_the_failure_step_failing_ends_in_the_installations_default() -> None:
    turn = failing(BAD, on_failure="voice").feed(HELLO)  # the failure step speaks, and nobody is on a line
    assert failures(turn) == ["bad: broken", "voice: call_ended"]
    assert turn.effects == (
        SendMessage("Sorry.", language="en"),
        replace(TO_PEOPLE, reason="failed: call_ended"),
    )
    assert turn.run.outcome == "failed"


def test_a_step_after_the_failure_step_failing_ends_in_the_default_too() -> None:
    steps = {"start": ("begin", {"next": "bad"}), "bad": BAD, "sorry": ("note", {"next": "bad"}, {"text": "Sorry."})}
    turn = Conversation(flow_of(steps, on_failure="sorry")).feed(HELLO)
    assert [entry["step"] for entry in turn.trace] == ["start", "bad", "sorry", "bad"]
    assert turn.run.outcome == "failed"
    assert any(isinstance(effect, EnterQueue) for effect in turn.effects)


def test_the_failure_step_itself_is_not_entered_again() -> None:
    flow = flow_of({"start": ("begin", {"next": "bad"}), "bad": BAD}, on_failure="bad")
    turn = Conversation(flow).feed(HELLO)
    assert [entry["step"] for entry in turn.trace] == ["start", "bad"]
    assert turn.run.outcome == "failed"


def test_the_failure_steps_own_wired_failure_exit_counts() -> None:
    turn = failing(BAD, on_failure="worse").feed(HELLO)
    assert turn.run.outcome == "completed"


def test_a_wait_forgives_so_that_a_later_failure_gets_its_apology_again() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "bad"}),
            "bad": BAD,
            "sorry": ("note", {"next": "listen"}, {"text": "We are sorry."}),
            "listen": ("listen", {"reply": "bad"}),
        },
        on_failure="sorry",
    )
    talk = Conversation(flow)
    for _ in range(3):
        turn = talk.feed(HELLO)
        assert turn.effects == (SendMessage("We are sorry."),)
        assert turn.run.recovering
        assert turn.run.status == "waiting"


def test_a_failure_while_people_wait_takes_the_conversation_out_of_the_first_queue() -> None:
    flow = flow_of({"start": ("begin", {"next": "queue"}), "queue": ("queue", {"closed": "end"})})
    talk = Conversation(flow)
    talk.feed(HELLO)
    effects = talk.feed(TimerFired()).effects  # leaves by timed_out, which leads nowhere
    assert effects[0] == LeaveQueue("timed_out")
    assert effects[2] == replace(TO_PEOPLE, reason="failed: exit_missing")


@pytest.mark.parametrize(
    ("bad", "kind", "says"),
    [
        (("nonsense", {}), "step_missing", "“The bad” is of the type nonsense, which is not installed."),
        (("note", {}), "exit_missing", "“The bad” left by “next”, which leads nowhere in this flow."),
        (("note", {"next": "gone"}), "exit_missing", "“The bad” left by “next”, which leads nowhere in this flow."),
        (("explode", {}, {"how": "expression"}), "expression_error", "There is no name “x”."),
        (("explode", {}, {"how": "large"}), "too_large", "It has 20,000 characters."),
        (
            ("explode", {}, {"how": "error"}),
            "step_error",
            "The step “The bad” broke (ValueError: bad <object object>).",
        ),
        (("explode", {}, {"how": "lookup"}), "step_error", "The step “The bad” broke (KeyError: 'missing')."),
        (("explode", {}, {"how": "deep"}), "step_error", "The step “The bad” broke (RecursionError)."),
        (("explode", {}, {"how": "nothing"}), "step_error", "“The bad” returned NoneType, which is no outcome."),
        (("explode", {}, {"how": "effect"}), "step_error", "The step asked for 'boo', which is no effect."),
        (("explode", {}, {"how": "naive"}), "step_error", "The step waits until an instant without a time zone."),
        (("explode", {}, {"how": "speechless"}), "step_error", "“The bad” failed without saying why."),
        (("speak", {"next": "end"}), "call_ended", "This conversation is no call."),
        (("listen", {}, {"limit": 31 * 86_400}), "wait_too_long", "A wait lasts at most 30 days"),
        (("listen", {}, {"limit": -1}), "step_error", "The step waits for less than no time."),
        (("listen", {}, {"limit": float("nan")}), "step_error", "The step waits for less than no time."),
        (("listen", {}, {"keep": {"a": "x" * 70_000}}), "too_large", "What the step keeps would hold 70,0"),
        (("note", {"next": "end"}, {"sets": {5: "x"}}), "step_error", "The step sets 5; a variable's name is a text."),
        (
            ("note", {"next": "end"}, {"by": ["next"]}),
            "step_error",
            "“The bad” left by ['next']; an exit's id is a text.",
        ),
        (("listen", {}, {"until": 31 * 86_400}), "wait_too_long", "A wait lasts at most 30 days"),
        (
            ("note", {"next": "end"}, {"sets": {"a": "é" * 40_000}}),
            "too_large",
            "“a” would hold 80,002 bytes; at most 65,536 are kept.",
        ),
        (
            ("note", {"next": "end"}, {"sets": {f"v{n}": n for n in range(201)}}),
            "too_many_variables",
            "A run holds at most 200 variables.",
        ),
    ],
)
def test_what_a_step_does_wrong_has_a_name_and_a_sentence(bad: tuple[Any, ...], kind: str, says: str) -> None:
    turn = failing(bad).feed(HELLO)
    assert turn.run.error["kind"] == kind
    assert str(turn.run.error["message"]).startswith(says)
    assert turn.trace[-1]["failure"]["kind"] == kind
    assert turn.run.outcome == "failed"
    assert kind in ENGINE_ERRORS


@pytest.mark.parametrize(("how", "says"), [("keep", "keep.at is a datetime"), ("word", "waits for 'mesage'")])
def test_a_wait_that_cannot_be_stored_fails_the_step(how: str, says: str) -> None:
    run = failing(("explode", {}, {"how": how})).feed(HELLO).run
    assert run.error["kind"] == "step_error"
    assert says in str(run.error["message"])


def test_a_newer_step_than_the_installed_one_is_missing() -> None:
    flow = flow_of({"start": ("begin", {"next": "note"}), "note": ("note", {"next": "end"})})
    newer = replace(flow.steps["note"], format=3)
    talk = Conversation(replace(flow, steps={**flow.steps, "note": newer}))
    assert talk.feed(HELLO).run.error["kind"] == "step_missing"


def test_a_refused_outcome_does_nothing_by_half() -> None:
    bad = ("note", {"next": "end"}, {"text": "Hello.", "sets": {"a": "x" * 70_000, "b": "1"}})
    turn = failing(bad, on_failure="sorry").feed(HELLO)
    assert [type(effect) for effect in turn.effects] == [SendMessage]
    assert turn.run.variables == {}


def test_a_voice_step_after_the_hang_up_fails_without_being_run() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "menu"}),
            "menu": ("speak", {"next": "end"}, {"gather": True}),
            "say": ("speak", {"next": "end", "failure": "text"}),
            "text": ("note", {"next": "end"}, {"text": "We missed you."}),
        },
        on_hang_up="say",
    )
    talk = Conversation(flow, facts=ON_CALL)
    talk.feed(CALL)
    turn = talk.feed(CallerHungUp())
    assert turn.trace[1]["failure"] == {"kind": "call_ended", "message": "The caller has hung up.", "retryable": False}
    assert turn.effects == (SendMessage("We missed you."),)


def test_a_circle_without_a_wait_is_stopped_and_named() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "one"}),
            "one": ("note", {"next": "two"}),
            "two": ("note", {"next": "three"}),
            "three": ("note", {"next": "one"}),
        },
        on_failure="one",  # inside the circle: it must not go round again
    )
    turn = Conversation(flow, limits=Limits(steps_between_waits=100)).feed(HELLO)
    assert len(turn.trace) == 101
    assert turn.run.error["kind"] == "loop_detected"
    assert "The one → The two → The three → The one" in str(turn.run.error["message"])
    assert [type(effect) for effect in turn.effects] == [SendMessage, EnterQueue]
    assert turn.run.outcome == "failed"


def test_failures_that_lead_to_each_other_are_a_circle_too() -> None:
    flow = flow_of({"start": ("begin", {"next": "a"}), "a": ("break", {"failure": "a"})})
    turn = Conversation(flow, limits=Limits(steps_between_waits=10)).feed(HELLO)
    assert "The a → The a." in str(turn.run.error["message"])


def test_a_run_of_too_many_steps_ends() -> None:
    flow = flow_of({"start": ("begin", {"next": "listen"}), "listen": ("listen", {"reply": "listen"})})
    talk = Conversation(flow, limits=Limits(steps_per_run=5))
    for _ in range(4):
        assert talk.feed(HELLO).run.status == "waiting"
    run = talk.feed(HELLO).run
    assert (run.error["kind"], run.outcome) == ("run_too_long", "failed")


def test_a_run_that_began_too_long_ago_ends() -> None:
    flow = flow_of(
        {"start": ("begin", {"next": "listen"}), "listen": ("listen", {"reply": "listen"})}, on_failure="start"
    )
    talk = Conversation(flow)
    talk.feed(HELLO)
    assert talk.feed(HELLO, after_minutes=89 * 1_440).run.status == "waiting"
    run = talk.feed(HELLO, after_minutes=2 * 1_440).run
    assert (run.error["kind"], run.outcome) == ("run_too_old", "failed")


def test_a_step_that_asks_for_ever_is_stopped() -> None:
    flow = flow_of({"start": ("begin", {"next": "f"}), "f": ("fetch", {"success": "end"}, {"times": 1_000})})
    answers: list[Any] = [HttpAnswer(200)] * 100
    talk = Conversation(flow, limits=Limits(steps_between_waits=20), answers=answers)
    assert talk.feed(HELLO).run.error["kind"] == "loop_detected"
    assert len(answers) == 79


def test_a_turn_is_told_only_so_much_and_then_fails_before_it_asks_again() -> None:
    flow = flow_of({"start": ("begin", {"next": "f"}), "f": ("fetch", {"success": "end"}, {"times": 1_000})})
    answers: list[Any] = [HttpAnswer(200, {"x-a": "12345"}, "ż" * 4_000)] * 10
    talk = Conversation(flow, limits=Limits(answers_bytes=20_000), answers=answers)
    error = talk.feed(HELLO).run.error
    assert len(answers) == 7, "the third one crosses the limit, and there is no fourth"
    assert error["kind"] == "too_large"
    told = "The answers to this turn have 24,024 bytes already, and 20,000 are allowed"
    assert error["message"] == f"{told}: “The f” asks nothing more. Let the flow wait in between."


def test_what_a_turn_was_told_is_forgotten_when_it_waits() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "f"}),
            "f": ("fetch", {"success": "listen"}),
            "listen": ("listen", {"reply": "f"}),
        }
    )
    answers: list[Any] = [HttpAnswer(200, body="x" * 4_000)] * 10
    talk = Conversation(flow, limits=Limits(answers_bytes=4_000), answers=answers)
    for _ in range(10):
        assert talk.feed(HELLO).run.status == "waiting"
    assert talk.error() == ""


def test_a_long_message_of_a_failure_is_cut_everywhere() -> None:
    turn = failing(("break", {}, {"message": "x" * 9_000})).feed(HELLO)
    cut = "x" * 500 + "… (9000 characters)"
    assert turn.run.error["message"] == cut
    assert turn.trace[1]["failure"]["message"] == cut
