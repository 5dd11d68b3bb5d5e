from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from flows.ask import WebhookState, WebhookStateAnswer
from flows.effect import ExpectWebhook, Pause
from flows.event import CallPolled, MessageReceived, TimerFired, WebhookReceived
from flows.values import Value
from tests.steps.visits import Visit, step_of

OPEN = WebhookStateAnswer()
CONFIG: Mapping[str, Any] = {"connection": "payments", "key": "pay-{{ n }}", "variable": "payment"}


def waiting(**more: Any) -> Visit:
    visit = Visit("wait_for_webhook", {**CONFIG, **more}, variables={"n": Decimal(7)})
    visit.feed(OPEN)
    return visit


def test_it_asks_whether_webhooks_can_be_believed_and_then_expects_its_own() -> None:
    visit = Visit("wait_for_webhook", CONFIG, variables={"n": Decimal(7)})
    assert visit.asked == WebhookState("payments")
    visit.feed(OPEN)
    assert (visit.left_by, visit.effects) == (None, [ExpectWebhook("payments", "pay-7")])
    assert visit.run.waiting is not None
    assert visit.run.waiting.keep["webhook"] == "pay-7"


FITS: list[tuple[Any, Value]] = [
    ({"type": "object", "required": ["paid"]}, {"paid": True}),
    ({"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}}, {"n": Decimal(3)}),
    ({"properties": {"id": {"type": "string", "pattern": "^[A-Z]{2}$"}}}, {"id": "AB"}),
    ({}, ["anything", None]),
]


@pytest.mark.parametrize(("schema", "data"), FITS)
def test_what_fits_is_received_and_kept(schema: Any, data: Value) -> None:
    visit = waiting(schema=schema).feed(WebhookReceived("pay-7", data))
    assert (visit.left_by, visit.sets) == ("received", {"payment": data})


MISFITS: list[tuple[Any, Value, str]] = [
    ({"type": "object", "required": ["paid"]}, {"sent": True}, "schema_invalid"),
    ({"type": "object"}, "paid", "schema_invalid"),
    ({"properties": {"n": {"type": "integer"}}}, {"n": Decimal("3.5")}, "schema_invalid"),
    ({"properties": {"id": {"pattern": "^(a+)+$"}}}, {"id": "a" * 40 + "!"}, "schema_invalid"),  # within a time limit
    ({}, ["x" * 9_000] * 8, "too_large"),
]


@pytest.mark.parametrize(("schema", "data", "kind"), MISFITS)
def test_what_does_not_fit_fails_by_name_and_sets_nothing(schema: Any, data: Value, kind: str) -> None:
    visit = waiting(schema=schema).feed(WebhookReceived("pay-7", data))
    assert (visit.left_by, visit.error, visit.sets) == ("failure", kind, {})


def test_a_connection_that_nobody_can_believe_fails_at_once() -> None:
    visit = Visit("wait_for_webhook", CONFIG, variables={"n": Decimal(7)})
    visit.feed(WebhookStateAnswer("The connection “payments” has no secret."))
    assert (visit.left_by, visit.error, visit.effects) == ("failure", "signature_invalid", [])


@pytest.mark.parametrize("key", ["{{ nobody }}", "{{ '' }}", "{{ n }}" + "x" * 501])
def test_a_key_that_cannot_be_had_fails_before_anything_is_asked(key: str) -> None:
    visit = Visit("wait_for_webhook", {**CONFIG, "key": key}, variables={"n": Decimal(7)})
    assert (visit.left_by, visit.error, visit.asked) == ("failure", "expression_error", None)


def test_a_key_may_have_five_hundred_characters() -> None:
    visit = Visit("wait_for_webhook", {**CONFIG, "key": "k" * 500}).feed(OPEN)
    assert visit.effects == [ExpectWebhook("payments", "k" * 500)]


def test_the_time_limit_and_a_message_have_exits_of_their_own() -> None:
    assert waiting().feed(TimerFired()).left_by == "timed_out"
    assert waiting().feed(MessageReceived("hello?")).left_by is None
    assert waiting(leaves_by_message=True).feed(MessageReceived("hello?")).left_by == "message"


def test_on_a_call_the_carrier_asks_again_until_the_limit() -> None:
    visit = Visit("wait_for_webhook", {**CONFIG, "key": "k", "time_limit_seconds": 150}, on_call=True).feed(OPEN)
    expects, pause = ExpectWebhook("payments", "k"), Pause(2)
    visit.feed(CallPolled())
    assert (visit.left_by, visit.effects) == (None, [expects, pause, expects, pause])
    assert visit.feed(CallPolled()).left_by == "timed_out"  # a minute passes between two events here


BAD = [
    ({"type": "objekt"}, "JSON Schema"),
    ({"properties": {"x": {"$ref": "https://example.com/schema"}}}, "$ref"),
    ({"pattern": "((a{1000}){1000}){1000}"}, ""),
    (["object"], "object"),
    ({"description": "x" * 70_000}, "bytes"),
]


@pytest.mark.parametrize(("schema", "words"), BAD)
def test_a_schema_that_is_none_is_a_finding(schema: Any, words: str) -> None:
    (problem,) = step_of("wait_for_webhook").problems({**CONFIG, "schema": schema})
    assert problem.code == "bad_schema"
    assert words in problem.sentence
