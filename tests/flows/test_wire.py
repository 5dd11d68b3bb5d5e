import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.ask import Answer, HttpAnswer, Request, Retries
from flows.effect import Effect, SendMessage
from flows.errors import FlowError
from flows.event import Event, Happening, MessageFailed, MessageReceived
from flows.facts import Facts
from flows.record import TurnRecord
from flows.run import Frame, Given, OpenTurn, Run, Turn, Waiting
from flows.values import Value
from flows.wire import from_data, kind_of, plain, read, to_data, write
from tests.flows.toys import NOW

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=12)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the bounds have no zone
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
VALUES = st.recursive(
    st.none() | TEXTS | st.booleans() | NUMBERS | INSTANTS | st.dates(date(1, 1, 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
WHOLE = st.integers(-(10**12), 10**12)
JSON = st.recursive(
    st.none() | TEXTS | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SIMPLE = {
    str: TEXTS,
    int: WHOLE,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9),
    datetime: INSTANTS,
}


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever a type hint of the engine's dataclasses allows."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if hint == Value:
        return VALUES
    if hint is Any:
        return JSON.map(plain)
    if hint is type(None):
        return st.none()
    origin, inner = getattr(hint, "__origin__", None), get_args(hint)
    if is_typeddict(hint):
        parts = {key: anything(part) for key, part in get_type_hints(hint).items()}
        needed = {key: parts.pop(key) for key in hint.__required_keys__}
        return st.fixed_dictionaries(needed, optional=parts)
    if isinstance(hint, types.UnionType):
        return st.one_of([anything(one) for one in inner])
    if origin in {tuple, list}:
        return st.lists(anything(inner[0]), max_size=2).map(origin)
    if origin in {Mapping, dict}:
        return st.dictionaries(TEXTS, anything(inner[1]), max_size=3)
    if inner:
        return st.sampled_from(inner)
    return st.builds(hint, **{part.name: anything(part.type) for part in hint.__dataclass_fields__.values()})


KINDS = [*get_args(Happening), *get_args(Effect), *get_args(Request), *get_args(Answer)]
WHOLES = [Event, Facts, Frame, Waiting, OpenTurn, Run, Turn, Given, TurnRecord]


@pytest.mark.parametrize("kind", KINDS + WHOLES, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_everything_comes_back_from_json_as_it_was(kind: type, data: st.DataObject) -> None:
    thing = data.draw(anything(kind))
    text = write(thing)
    back: object = read(kind, text)
    assert back == thing
    assert write(back) == text


@pytest.mark.parametrize("union", [Happening, Effect, Request, Answer])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_members_of_a_union_are_told_apart_by_their_kind(union: Any, data: st.DataObject) -> None:
    assert len({kind_of(one) for one in get_args(union)}) == len(get_args(union))
    thing = data.draw(anything(union))
    assert from_data(union, to_data(thing)) == thing


def test_a_thing_is_written_by_its_kind_and_an_error_kind_under_another_name() -> None:
    assert to_data(MessageFailed("7/0/0", "opted_out")) == {
        "kind": "message_failed",
        "effect": "7/0/0",
        "error_kind": "opted_out",
        "message": "",
    }
    assert from_data(Happening, {"kind": "message_received", "text": "hi"}) == MessageReceived("hi")


def test_instants_are_utc_with_microseconds() -> None:
    warsaw = timezone(timedelta(hours=1))
    event = Event(MessageReceived("hi"), at=datetime(2026, 11, 21, 13, tzinfo=warsaw), now=NOW)
    assert to_data(event)["at"] == "2026-11-21T12:00:00.000000+00:00"
    assert read(Event, write(event)) == event


def test_values_keep_their_types() -> None:
    variables: dict[str, Any] = {"n": Decimal("1.50"), "d": date(2026, 1, 2), "t": NOW, "l": [Decimal(1), None, "x"]}
    run = Run("1", (Frame("v", "s"),), NOW, variables=variables)
    assert read(Run, write(run)).variables == variables


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        (Happening, {"kind": "message_lost"}, "is of kind 'message_lost'; known are answered, api_called, call_polled"),
        (Happening, {"text": "hi"}, "is of kind None"),
        (Happening, [], "is of kind None"),
        (MessageReceived, {"kind": "call_polled"}, "is of kind 'call_polled' where 'message_received' is expected"),
        (MessageReceived, {}, "MessageReceived.text is missing"),
        (MessageReceived, {"text": 5}, "MessageReceived.text should be a text, but it is '5'"),
        (MessageReceived, {"text": "hi", "colour": 1}, "MessageReceived.colour is unknown"),
        (MessageReceived, {"text": "hi", "media": "x"}, "MessageReceived.media should be a list"),
        (MessageReceived, {"text": "hi", "media": [1]}, "MessageReceived.media.0 should be an object"),
        (HttpAnswer, {"status": True}, "HttpAnswer.status should be a whole number"),
        (HttpAnswer, {"seconds": "1"}, "HttpAnswer.seconds should be a number"),
        (HttpAnswer, {"from_cache": 1}, "HttpAnswer.from_cache should be true or false"),
        (HttpAnswer, {"headers": []}, "HttpAnswer.headers should be an object"),
        (Run, {"id": "1", "stack": [], "started_at": "yesterday"}, "Run.started_at should be an instant"),
        (Run, {"id": "1", "stack": [], "started_at": "2026-01-01T00:00:00"}, "with its time zone"),
        (Run, {"id": "1", "stack": [], "started_at": "2026-01-01T00:00:00Z", "status": "gone"}, "Run.status is 'gone'"),
        (
            Run,
            {"id": "1", "stack": [], "started_at": "2026-01-01T00:00:00Z", "variables": {"a": {"$x": 1}}},
            "Run.variables.a cannot be read: ",
        ),
    ],
)
def test_what_is_not_ours_is_refused_with_its_place(kind: Any, data: Any, sentence: str) -> None:
    with pytest.raises(FlowError) as refused:
        from_data(kind, data)
    assert sentence in str(refused.value)


def test_text_that_is_not_json_is_refused() -> None:
    for text in ("{", "", "[" * 100_000):
        with pytest.raises(FlowError, match="This is not JSON"):
            read(Run, text)


@pytest.mark.parametrize("thing", ["text", 5, None, {"kind": "say"}, object()])
def test_only_the_engines_own_things_are_written(thing: object) -> None:
    with pytest.raises(FlowError, match="no part of the engine's data"):
        write(thing)


def test_what_json_cannot_hold_is_refused_when_written() -> None:
    with pytest.raises(FlowError, match=r"SendMessage\.text should be a text"):
        write(SendMessage(5))  # type: ignore[arg-type]  # on purpose: a plugin may do so
    with pytest.raises(FlowError, match=r"Retries\.back_off_seconds should be a number"):
        write(Retries(back_off_seconds=float("inf")))
    with pytest.raises(FlowError, match="with its time zone"):
        write(Event(MessageReceived("hi"), at=datetime(2026, 1, 1), now=NOW))  # noqa: DTZ001 - on purpose


@pytest.mark.parametrize("data", [float("nan"), {1: 2}, {"a": {1}}, b"x", Decimal(1), [NOW]])
def test_plain_data_is_what_json_holds(data: object) -> None:
    with pytest.raises(FlowError, match="which JSON cannot hold"):
        plain(data)


def test_plain_data_is_copied_as_it_will_be_read() -> None:
    assert plain({"a": (1.0, 2.5, True, None, "x")}) == {"a": [1, 2.5, True, None, "x"]}
    assert isinstance(plain(1.0), int)
    nested: list[Any] = []
    for _ in range(70):
        nested = [nested]
    with pytest.raises(FlowError, match="nested more than 64 deep"):
        plain(nested)
    with pytest.raises(FlowError, match=r"^0\.a\.1 is a set, which JSON cannot hold"):
        plain([{"a": (1, {2})}])
