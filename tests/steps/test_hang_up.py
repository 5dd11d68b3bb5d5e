"""hang_up: the call is over, and the flow goes on."""

from flows.effect import HangUp, Say
from flows.event import CallerHungUp
from tests.steps.visits import Visit, context_of, facts_of, step_of


def test_the_last_words_are_said_in_the_callers_language_and_the_call_ends() -> None:
    visit = Visit("hang_up", {"text": {"en": "Bye", "pl": "Do widzenia"}}, on_call=True, variables={"language": "pl"})
    assert (visit.left_by, visit.effects) == ("next", [Say("Do widzenia", language="pl"), HangUp()])
    assert visit.run.call_ended


def test_words_that_come_to_nothing_are_left_out() -> None:
    assert Visit("hang_up", {"text": {"en": "{{ gone }}"}}, on_call=True).effects == [HangUp()]


def test_a_caller_who_was_faster_is_what_the_author_wanted() -> None:
    visit = Visit("menu", {"prompt": {"en": "?"}, "choices": [{"key": "1"}]}, on_call=True).feed(CallerHungUp())
    context = context_of({}, CallerHungUp(), facts_of(on_call=True))
    context.run = visit.run
    outcome = step_of("hang_up").run(context)
    assert (getattr(outcome, "exit", ""), getattr(outcome, "effects", None)) == ("next", ())


def test_a_message_cannot_be_hung_up() -> None:
    assert Visit("hang_up", {}).error == "call_ended"
