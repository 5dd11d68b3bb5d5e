"""What templates may do, what they print, and what they say when a value is missing or wrong."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from flows.expression import FILTERS, TESTS, ExpressionError, Template, TooLarge
from flows.values import Value, type_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SCOPE: dict[str, Value] = {
    "now": NOW,
    "loyalty_status": "gold",
    "contact": {
        "name": "Anna",
        "phone": "+48600100200",
        "email": None,
        "first_seen_at": datetime(2026, 11, 1, tzinfo=UTC),
    },
    "order": {
        "items": [{"sku": "a-1", "price": Decimal("12.50")}, {"sku": "b-2", "price": Decimal(3)}],
        "keys": "data",
        "_id": "hidden?",
        "a.b": "dotted",
        "update": Decimal(5),
    },
    "count": Decimal(3),
    "price": Decimal("12.50"),
    "text": "Drukarka nie działa",
    "number_text": "1e5",
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "colours": ["red", "green"],
    "due": date(2026, 12, 24),
}

RENDERED: list[tuple[str, str]] = [
    ("", ""),
    ("Hello", "Hello"),
    ("Hello\n", "Hello\n"),
    ("a { b } %}", "a { b } %}"),
    ("{{ loyalty_status }}", "gold"),
    ("{{loyalty_status}}", "gold"),
    ("Dear {{ contact.name }}, you are {{ loyalty_status | upper }}.\n", "Dear Anna, you are GOLD.\n"),
    ("  {{- loyalty_status -}}  !", "gold!"),
    ("{# a note #}x", "x"),
    ("{% raw %}{{ braces }}{% endraw %}", "{{ braces }}"),
    ("{{ 'a' ~ 1 ~ true ~ none }}", "a1true"),
    # attributes and keys are keys of data, also where Python has a method of that name
    ("{{ order.items | length }}", "2"),
    ("{{ order.keys }}", "data"),
    ("{{ order.update + 1 }}", "6"),
    ("{{ order['items'][1]['sku'] }}", "b-2"),
    ("{{ order.items[-1].sku }}", "b-2"),
    ("{{ order.items.0.price }}", "12.50"),
    ("{{ order['a.b'] }}", "dotted"),
    ("{{ order['_id'] }}", "hidden?"),
    ("{{ contact[order.keys] is defined }}", "false"),
    # numbers are decimal and exact
    ("{{ 0.1 + 0.2 }}", "0.3"),
    ("{{ count * price }}", "37.50"),
    ("{{ 10 / 4 }}", "2.5"),
    ("{{ 1 / 3 }}", "0.3333333333333333333333333333"),
    ("{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }}", "3 -4 1 2"),
    ("{{ -count }} {{ +count }} {{ 2 - 5 }}", "-3 3 -3"),
    ("{{ 100000.0 }}", "100000"),
    ("{{ number_text }}", "1e5"),
    ("{{ 0x10 + 1_000 }}", "1016"),
    ("{{ 'a' + 'b' }}", "ab"),
    # comparisons know types
    ("{{ count == 3 }} {{ count == '3' }} {{ yes == 1 }} {{ [true] == [1] }}", "true false false false"),
    ("{{ 1 < count <= 3 }} {{ 'a' < 'b' }} {{ due > '2026-12-01' | date }}", "true true true"),
    (
        "{{ 'red' in colours }} {{ 'blue' not in colours }} {{ 'nie' in text }} {{ 'name' in contact }}",
        "true true true true",
    ),
    ("{{ count in [1, 2, 3] }} {{ loyalty_status in ('gold', 'silver') }}", "true true"),
    ("{{ 'dzia\u0142a' in text }} {{ 'e\u0301' == 'é' }} {{ 'e\u0301' in 'café' }}", "true true true"),
    ("{{ {'a': 1} == {'a': 1.0} }}", "true"),
    # logic
    ("{{ yes and no }} {{ yes or no }} {{ not yes }}", "false true false"),
    ("{{ 'VIP' if loyalty_status in ['gold', 'platinum'] else 'guest' }}", "VIP"),
    ("{{ 'x' if no }}|", "|"),
    ("{{ contact.email or 'no e-mail' }}", "no e-mail"),
    (
        "{{ nothing is none }} {{ nothing == none }} {{ count != none }} {{ unknown is defined }}",
        "true true true false",
    ),
    ("{{ empty is empty }} {{ colours is empty }} {{ count is odd }}", "true false true"),
    # structures print as JSON
    ("{{ colours }} {{ {'a': [1, none]} }}", '["red","green"] {"a":[1,null]}'),
    ("{{ {1: 2} }}", '{"1":2}'),
    # now comes from the scope
    ("{{ now }}", "2026-11-21T12:00:00Z"),
    ("{{ contact.first_seen_at | days_since }} {{ due | days_until }}", "20 33"),
    ("{{ due | format_date('%d/%m/%y') }}", "24/12/26"),
    ("{{ '2026-11-21T23:30Z' | format_date('%d %H:%M %%', zone='Europe/Warsaw') }}", "22 00:30 %"),
    ("{{ due | add_days(-30) | weekday }}", "2"),
    ("{{ colours | join }}{{ colours | join(separator='/') }}", "redgreenred/green"),
    ("{{ order.items | pluck('price') | sum }} {{ [3, 1] | sort | first }} {{ colours | max }}", "15.50 1 red"),
    ("{{ '' | default('a') }}{{ '' | default('a', true) }}{{ '' | default(otherwise='b', also_empty=true) }}", "ab"),
    ("{{ -1234567.891 | format_number(1, group=' ') }} {{ 5 | format_number(2) }}", "-1 234 567.9 5.00"),
    ("{{ 2.5 | round }} {{ -2.5 | round }} {{ '7' | round }}", "3 -3 7"),
    ("{{ 'ﬃ' | upper }} {{ \"it's ŁÓDŹ\" | title }}", "FFI It's Łódź"),
    ("{{ 'abcdef' | truncate(3) }} {{ 'abc' | truncate(3) }} {{ 'abcdef' | truncate(2, '....') }}", "ab… abc .."),
    ("{{ 'a  b\\tc' | split | json }}", '["a","b","c"]'),
]


@pytest.mark.parametrize(("source", "text"), RENDERED)
def test_a_template_prints(source: str, text: str) -> None:
    assert Template.compile(source).render(SCOPE).text == text


@pytest.mark.parametrize(
    "word", [*FILTERS.values(), *TESTS.values()], ids=lambda word: f"{type(word).__name__} {word.name}"
)
def test_every_filter_and_test_is_explained_and_does_as_its_example_says(word: Any) -> None:
    assert word.help.endswith(".")
    assert word.name in word.example
    assert word.required <= len(word.parameters)
    rendered = Template.compile(word.example).render({"now": NOW})
    assert rendered.text == word.gives
    assert rendered.missing == ()


LONE: list[tuple[str, Value]] = [
    ("{{ number_text }}", "1e5"),
    ("{{ count }}", Decimal(3)),
    ("{{ yes }}", True),
    ("{{ colours }}", ["red", "green"]),
    ("{{ due }}", date(2026, 12, 24)),
    ("{{ now }}", NOW),
    ("{{ nothing }}", None),
    ("{{ unknown.part }}", None),
    ("{{ count + 1 }}", Decimal(4)),
    ("{{ [count, {'a': no}] }}", [Decimal(3), {"a": False}]),
    ("{{ '[1, 2]' }}", "[1, 2]"),
    (" {{ count }}", " 3"),
    ("{{ count }}{{ count }}", "33"),
    ("count", "count"),
]


@pytest.mark.parametrize(("source", "value"), LONE)
def test_a_lone_expression_keeps_its_type_and_all_else_is_text(source: str, value: Value) -> None:
    template = Template.compile(source)
    found = template.evaluate(SCOPE)
    assert found == value
    assert type_of(found) == type_of(value)
    assert template.is_lone_expression == (source.startswith("{{") and source.count("{{") == 1)


def test_data_is_never_read_as_a_template() -> None:
    scope: dict[str, Value] = {"name": "{{ secret }}{% raw %}", "secret": "s3cret"}
    assert Template.compile("Dear {{ name }}").render(scope).text == "Dear {{ secret }}{% raw %}"
    assert Template.compile("{{ name }}").evaluate(scope) == "{{ secret }}{% raw %}"
    assert Template.compile("{{ name ~ '{{ secret }}' }}").render(scope).text == "{{ secret }}{% raw %}{{ secret }}"


MISSING: list[tuple[str, str, tuple[str, ...]]] = [
    ("Dear {{ unknown }}!", "Dear !", ("unknown",)),
    ("{{ contact.email }}{{ contact.street.house }}", "", ("contact.email", "contact.street.house")),
    ("{{ order.items[7].sku }}", "", ("order.items[7].sku",)),
    ("{{ order[unknown] }}", "", ("unknown", "order[…]")),
    ("{{ unknown + 1 }}", "", ("unknown",)),
    ("{{ 'Hi ' + unknown }}", "Hi ", ("unknown",)),
    ("{{ unknown + '!' }}", "!", ("unknown",)),
    ("{{ unknown ~ '!' }}", "!", ("unknown",)),
    ("{{ unknown | upper }}", "", ("unknown",)),
    ("{{ 'a' | replace('a', unknown) }}", "", ("unknown",)),
    ("{{ unknown == 'a' }} {{ unknown != 'a' }} {{ unknown < 1 }}", "false false false", ("unknown",)),
    ("{{ unknown in colours }} {{ 'a' not in unknown }}", "false false", ("unknown",)),
    ("{{ unknown is even }}", "false", ("unknown",)),
    ("{{ [unknown] }}", "[null]", ("unknown",)),
    ("{{ {'a': 1}.b }}", "", ("this expression",)),
    ("{{ unknown if yes else 1 }}", "", ("unknown",)),
    ("{{ unknown or nothing }}", "", ("nothing",)),
    ("{{ none }}", "", ("this expression",)),
    # asking whether it is there is no reason for a warning
    ("{{ unknown is defined }}{{ unknown is number }}", "falsefalse", ()),
    ("{{ unknown | default('a') }}", "a", ()),
    ("{{ unknown | upper | default('a') }}", "a", ()),
    ("{{ unknown or 'a' }}", "a", ()),
    ("{{ 'b' if unknown else 'a' }}", "a", ()),
    ("{{ not unknown }}", "true", ()),
    ("{{ unknown == none }} {{ unknown != none }} {{ none == unknown }}", "true false true", ()),
]


@pytest.mark.parametrize(("source", "text", "names"), MISSING)
def test_a_missing_value_is_empty_and_named(source: str, text: str, names: tuple[str, ...]) -> None:
    rendered = Template.compile(source).render(SCOPE)
    assert (rendered.text, rendered.missing) == (text, names)
    assert Template.compile(source).evaluate_noting(SCOPE).missing == names


@pytest.mark.parametrize(("source", "text", "names"), MISSING)
def test_where_nothing_may_be_missing_it_is_an_error(source: str, text: str, names: tuple[str, ...]) -> None:
    template = Template.compile(source)
    if not names:
        assert template.render(SCOPE, strict=True).text == text
        return
    for work in (template.render, template.evaluate):
        with pytest.raises(ExpressionError, match=r"^line 1: “.+” has no value here"):
            work(SCOPE, strict=True)
    for door in (template.render_address, template.render_header):
        with pytest.raises(ExpressionError):
            door(SCOPE)


NAMES: list[tuple[str, set[str], set[str]]] = [
    ("plain", set(), set()),
    ("{{ a }}{{ b.c }}", {"a", "b"}, {"a", "b.c"}),
    ("{{ a.b.c['d'] | default(e) }}", {"a", "e"}, {"a.b.c.d", "e"}),
    ("{{ a.b[0].c }}", {"a"}, {"a.b"}),
    ("{{ a[b.c].d }}", {"a", "b"}, {"a", "b.c"}),
    ("{{ a['x.y'].z }}", {"a"}, {"a"}),
    ("{{ 1 if a is defined and not b else [c, {'k': d}] ~ -e }}", set("abcde"), set("abcde")),
    ("{{ a | days_since }}", {"a", "now"}, {"a", "now"}),
]


@pytest.mark.parametrize(("source", "names", "paths"), NAMES)
def test_the_names_and_paths_a_template_reads_are_known(source: str, names: set[str], paths: set[str]) -> None:
    template = Template.compile(source)
    assert template.names == names
    assert template.paths == paths


UNWORKABLE: list[tuple[str, str]] = [
    ("{{ 'a' * 3 }}", "“\\*” works between two numbers, not between a text and a number"),
    ("{{ 3 * 'a' }}", "between a number and a text"),
    ("{{ [1] * 3 }}", "between a list and a number"),
    ("{{ 1 + 'a' }}", "two numbers or two texts"),
    ("{{ colours + colours }}", "between a list and a list"),
    ("{{ '%s' % count }}", "“%” works between two numbers"),
    ("{{ yes + 1 }}", "between yes or no and a number"),
    ("{{ 'a' - 1 }}", "works between two numbers"),
    ("{{ -text }}", "works between two numbers"),
    ("{{ 1 / 0 }}", "cannot divide by nought"),
    ("{{ 1 // 0 }}{{ 1 % 0 }}", "cannot divide by nought"),
    ("{{ 1 < 'a' }}", "A number|a number and a text cannot be put in order"),
    ("{{ now > due }}", "a date with a time and a date cannot be put in order"),
    ("{{ colours | sort < 1 }}", "cannot be put in order"),
    ("{{ [1, 'a'] | sort }}", "cannot be put in order"),
    ("{{ 1 in 12 }}", "A number cannot contain a number"),
    ("{{ colours | upper }}", "A text is needed, and here stands a list"),
    ("{{ text | number }}", "is a text and cannot be read as a number"),
    ("{{ text | date }}", "cannot be read as a date"),
    ("{{ text | format_date('%d') }}", "cannot be read as"),
    ("{{ now | format_date('%A') }}", "“%A” is not known"),
    ("{{ now | format_date('%') }}", "is not known"),
    ("{{ now | format_date('%d', 'Mars/Olympus') }}", "no time zone “Mars/Olympus”"),
    ("{{ now | format_date('%d', '../../etc/passwd') }}", "no time zone"),
    ("{{ now | add_days(-1000000) }}", "before the year 1 or after the year 9999"),
    ("{{ count | round(99) }}", "whole number from 0 to 20"),
    ("{{ count | round(0.5) }}", "whole number from 0 to 20"),
    ("{{ text | split('') }}", "must not be empty"),
    ("{{ text | replace('', 'x') }}", "must not be empty"),
    ("{{ text | is_vip }}", "There is no filter “is_vip”"),
    ("{{ text | uper }}", "perhaps upper"),
    ("{{ text is vip }}", "There is no test “vip”"),
    ("{{ text | upper(1) }}", "has fewer parameters: none"),
    ("{{ text | replace('a') }}", "“replace” needs: new"),
    ("{{ text | replace('a', 'b', old='c') }}", "The parameters of “replace” are: old, new"),
    ("{{ text | truncate(size=3) }}", "The parameters of “truncate” are: length, end"),
    ("{{ text is even }}", "Only numbers are even or odd"),
    ("{{ 5 | length }}", "a number has none"),
    ("{{ 5 | format_number(2, '....') }}", "three characters at most"),
]


@pytest.mark.parametrize(("source", "sentence"), UNWORKABLE)
def test_what_cannot_be_worked_out_says_why_and_where(source: str, sentence: str) -> None:
    with pytest.raises(ExpressionError, match=sentence) as caught:
        Template.compile(source).render(SCOPE)
    assert caught.value.place == "line 1"
    assert caught.value.sentence.endswith((".", "?"))


def test_the_place_is_the_line() -> None:
    with pytest.raises(ExpressionError, match=r"^line 3: There is no filter “nope”"):
        Template.compile("a\nb\n{{ x | nope }}")
    with pytest.raises(ExpressionError, match=r"^line 2: .*cannot divide by nought"):
        Template.compile("a\n{{ 1 / 0 }}").render({})


def test_a_time_filter_without_now_is_an_error_and_not_the_clock() -> None:
    with pytest.raises(ExpressionError, match="needs the present time"):
        Template.compile("{{ '2026-01-01' | days_since }}").render({})


ADDRESSES: list[tuple[str, Value, str]] = [
    ("https://crm.example.com/c/{{ x }}?a={{ x }}", "+48 600", "https://crm.example.com/c/%2B48%20600?a=%2B48%20600"),
    ("/c/{{ x }}/orders", "../../admin", "/c/..%2F..%2Fadmin/orders"),
    ("/c/{{ x }}", "a?b=c&d#e%2f", "/c/a%3Fb%3Dc%26d%23e%252f"),
    ("/c/{{ x }}", "zażółć 😀", "/c/za%C5%BC%C3%B3%C5%82%C4%87%20%F0%9F%98%80"),
    ("/c/{{ x }}", "a\r\nHost: evil", "/c/a%0D%0AHost%3A%20evil"),
    ("/c/{{ x }}", "\ud800", "/c/%EF%BF%BD"),
    ("https://{{ x }}/", "evil.example@host/", "https://evil.example%40host%2F/"),
    ("/c/{{ x }}", Decimal("12.0"), "/c/12"),
    ("/c/{{ x }}", date(2026, 1, 2), "/c/2026-01-02"),
    ("/c/{{ x }}", "", "/c/"),
    ("/c/v1.5/{{ x }}", "v..2", "/c/v1.5/v..2"),
]


@pytest.mark.parametrize(("source", "value", "address"), ADDRESSES)
def test_a_value_in_an_address_stays_in_its_segment(source: str, value: Value, address: str) -> None:
    assert Template.compile(source).render_address({"x": value}) == address


@pytest.mark.parametrize("value", [".", "..", "...", ["a"], {"a": "b"}])
def test_what_would_lead_an_address_elsewhere_is_refused(value: Value) -> None:
    with pytest.raises(ExpressionError, match="line 1"):
        Template.compile("/c/{{ x }}/d").render_address({"x": value})


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\x00b\x1f", "\x85", "\u2028", "\x7f", ["a"]])
def test_a_header_refuses_line_breaks_and_structures(value: Value) -> None:
    with pytest.raises(ExpressionError):
        Template.compile("v {{ x }}").render_header({"x": value})


def test_a_header_takes_ordinary_text() -> None:
    assert Template.compile("Bearer {{ x }}").render_header({"x": "zażółć\t1"}) == "Bearer zażółć\t1"


def test_a_text_longer_than_the_limit_is_refused_whole() -> None:
    template = Template.compile("{{ x }}{{ x }}")
    assert len(template.render({"x": "a" * 5_000}).text) == 10_000
    with pytest.raises(TooLarge, match="longer than 10,000 characters"):
        Template.compile("{{ x }}{{ x }}!").render({"x": "a" * 5_000})
    with pytest.raises(TooLarge, match="longer than 5 characters"):
        template.render({"x": "abc"}, limit=5)
    assert Template.compile("{{ x }}").evaluate({"x": "a" * 50_000}) == "a" * 50_000


def test_a_template_is_compiled_once() -> None:
    assert Template.compile("{{ once }}") is Template.compile("{{ once }}")


def test_a_template_without_expressions_treats_line_breaks_as_one_with_them() -> None:
    assert Template.compile("a\r\nb\rc").render({}).text == "a\nb\nc"
    assert Template.compile("a\r\nb\rc{{ '' }}").render({}).text == "a\nb\nc"


def test_the_scope_is_left_as_it_was() -> None:
    scope: dict[str, Value] = {"xs": [Decimal(2), Decimal(1)]}
    Template.compile("{{ xs | sort }}{{ xs | unique }}").render(scope)
    assert scope == {"xs": [Decimal(2), Decimal(1)]}
