"""Hostile templates are refused when saved, fail by name when run, or do nothing; random ones never escape."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from flows.expression import FILTERS, TESTS, ExpressionError, Template, TooLarge
from flows.values import Value, count_within, type_of

SCOPE: dict[str, Value] = {
    "now": datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
    "name": "Anna",
    "n": Decimal(7),
    "big": Decimal("9" * 50),
    "yes": True,
    "day": date(2026, 11, 21),
    "long": "słowo " * 3_333,  # 20,000 characters, the longest message
    "letters": "a" * 60_000,
    "many": [Decimal(number) for number in range(1_000)],
    "order": {"items": [{"sku": "a"}], "__class__": "only data", "format": "%s {0.__class__}"},
    "missing": None,
}

REFUSED = [
    # statements
    "{% for x in many %}{{ x }}{% endfor %}",
    "{% set x = 1 %}",
    "{% macro m() %}{% endmacro %}",
    "{% import 'os' as os %}",
    "{% from 'x' import y %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'x' %}",
    "{% block b %}{% endblock %}",
    "{% if yes %}a{% endif %}",
    "{% with x = 1 %}{% endwith %}",
    "{% call m() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do many.append(1) %}",
    "{%- raw %}{{ x }}{% endraw %}{% set y = 1 %}",
    # calls
    "{{ name.upper() }}",
    "{{ range(1000000000) }}",
    "{{ lipsum(100000) }}",
    "{{ cycler('a', 'b').next() }}",
    "{{ joiner()() }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=1) }}",
    "{{ self.__init__.__globals__ }}",
    "{{ super() }}",
    "{{ caller() }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ 'a'.format('b') }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ _('x') }}",
    "{{ (name)(1) }}",
    # hidden names
    "{{ name.__class__ }}",
    "{{ __import__ }}",
    "{{ _self }}",
    "{{ order.items.__len__ }}",
    "{{ order['items'].__class__ }}",
    "{{ ().__class__ }}",
    "{{ n.__class__.__base__ }}",
    # operators and forms
    "{{ 10 ** 10 ** 10 }}",
    "{{ 2 ** 2 }}",
    "{{ long[0:5] }}",
    "{{ long[::-1] }}",
    "{{ 1, 2 }}",
    "{{ lambda: 1 }}",
    "{{ [x for x in many] }}",
    "{{ x := 1 }}",
    "{{ *many }}",
    "{{ f'{name}' }}",
    "{{ many | replace(*many) }}",
    "{{ many | join(**order) }}",
    # filters and tests of Jinja that are not ours
    "{{ name | attr('__class__') }}",
    "{{ many | map('upper') }}",
    "{{ many | map(attribute='__class__') }}",
    "{{ many | selectattr('__class__') }}",
    "{{ 'a' | center(100000000) }}",
    "{{ 'a' | indent(100000000) }}",
    "{{ '%0500000000d' | format(1) }}",
    "{{ 'a' | wordwrap(1) }}",
    "{{ many | batch(1000000000, 'x') }}",
    "{{ many | slice(1000000000) }}",
    "{{ many | groupby('__class__') }}",
    "{{ name | pprint }}",
    "{{ name | safe }}",
    "{{ '<b>' | xmlattr }}",
    "{{ name | tojson(indent=100000000) }}",
    "{{ name | random }}",
    "{{ name is callable }}",
    "{{ name is filter }}",
    "{{ name is sameas name }}",
    # unreadable, too long, too deep, too large
    "{{",
    "{{ }}",
    "{{ name",
    "{{ 'abc }}",
    "{{ name }",
    "{%",
    "{#",
    "Hello {#",
    "Hello {# name #",
    "{{ \x00 }}",
    "{{ '\\d' }}",
    "{{ '\\x' }}",
    "{{ '\\N{no such name}' }}",
    "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
    "{{ " + "[" * 900 + "]" * 900 + " }}",
    "{{ " + "not " * 450 + "1 }}",
    "{{ " + "-" * 1_900 + "1 }}",
    "{{ " + "1 if 1 else " * 150 + "1 }}",
    "{{ name" + ".a" * 900 + " }}",
    "{{ name" + " | upper" * 210 + " }}",
    "{{ " + "1 + " * 150 + "1 }}",
    "{{ " + "not " * 120 + "1 }}",
    "{{ n }}" * 201,
    "{{ '" + "a" * 2_000 + "' }}",
    "a" * 12_001,
    "{" * 12_001,
    "{{ " + "9" * 401 + " }}",
    "{{ 1e400 }}",
    "{{ 1e-400 }}",
    "{{ 0.12345678901234567890 }}",
    "{{ 0x" + "f" * 390 + " }}",
]


@pytest.mark.parametrize("source", REFUSED, ids=lambda source: source[:50].encode("unicode-escape").decode())
def test_a_hostile_form_is_refused_when_it_is_saved(source: str) -> None:
    with pytest.raises(ExpressionError, match=r".+[.]$"):
        Template.compile(source)


HARMLESS: list[tuple[str, str]] = [
    ("{{ range }}{{ lipsum }}{{ cycler }}{{ self }}{{ loop }}{{ config }}{{ request }}{{ globals }}", ""),
    ("{{ name.upper }}{{ name.format }}{{ many.append }}{{ n.real }}{{ day.year }}{{ order.values }}", ""),
    ("{{ order['__class__'] }}", "only data"),
    ("{{ name['__class__'] }}{{ many['__len__'] }}{{ many['0'] }}", ""),
    ("{{ order['__cla' ~ 'ss__'] }}", "only data"),
    ("{{ order.format }}", "%s {0.__class__}"),
    ("{{ many[99999999999999999999] }}{{ many[1.5] }}{{ many[yes] }}{{ many[-1001] }}", ""),
    ("{{ '\\u0000' }}{{ '\\ud800' }}", "\ufffd\ufffd"),
    ("{{ '{{ n }}' }}{{ '{%' }}", "{{ n }}{%"),
    ("{{ order.items }}", '[{"sku":"a"}]'),
    ("{{ '1e5' }}{{ '[1]' }}{{ '0x10' }}", "1e5[1]0x10"),
    ("{{ yes is true }}{{ true == 1 }}", "truefalse"),
    ("{{ (1, 2) | json }}", "[1,2]"),
]


@pytest.mark.parametrize(("source", "text"), HARMLESS)
def test_what_looks_dangerous_only_reads_data(source: str, text: str) -> None:
    assert Template.compile(source).render(SCOPE).text == text


BOMBS = [
    "{{ name * 1000000000 }}",
    "{{ 1000000000 * name }}",
    "{{ many * 1000000000 }}",
    "{{ order.format % name }}",
    "{{ '%050000000d' % n }}",
    "{{ '%(a)s' % order }}",
    "{{ letters ~ letters }}",
    "{{ letters + letters }}",
    "{{ letters | replace('a', letters) }}",
    "{{ letters | replace('a', 'aa') }}",
    "{{ many | join(letters) }}",
    "{{ [letters, letters] | join }}",
    "{{ [letters, letters] | json }}",
    "{{ [letters, letters] ~ '' }}",
    "{{ letters | upper }}",
    "{{ long | replace(' ', ' ' ~ long) }}",
    "{{ letters | split('a') }}",
    "{{ letters | urlencode | replace('a', 'ą') | urlencode }}",
    "{{ 'a' | truncate(1000000000) }}",
    "{{ n | round(1000000000) }}",
    "{{ n | format_number(1000000000) }}",
    "{{ n | format_number(2, letters) }}",
    "{{ now | format_date(letters) }}",
    "{{ now | add_days(10000000000000) }}",
    "{{ " + "big * " * 30 + "big }}",
    "{{ big / 0 }}",
    "{{ big // 0 }}",
    "{{ big % 0 }}",
    "{{ 1" + "0" * 390 + " * 1" + "0" * 390 + " }}",
    "{{ 1" + "0" * 390 + " // 0.0000000001 }}",
    "{{ letters }}",
    "{{ letters | json }}",
    "{{ long }}",
    "{{ -name }}",
    "{{ many < many }}",
    "{{ order | sort }}",
    "{{ [1, name, many] | sort }}",
    "{{ [many, many] | min }}",
    "{{ [" + "letters, " * 150 + "1] }}",
]


@pytest.mark.parametrize("source", BOMBS, ids=lambda source: source[:50])
def test_a_bomb_goes_off_as_a_named_error_at_once(source: str) -> None:
    template = Template.compile(source)
    started = time.thread_time()
    with pytest.raises((ExpressionError, TooLarge)):
        template.render(SCOPE)
    assert time.thread_time() - started < 0.1


LONGEST_SECONDS = 2.0  # of one thread's own time; the dearest below take a quarter of a second on an idle core
DEAR_SCOPE: dict[str, Value] = {
    "message": ",".join(chr(97 + at * 7 % 26) + "ą" * (at % 2) for at in range(10_000)),
    "texts": [f"{at * 7_919 % 10_007}ę" for at in range(9_000)],
    "numbers": [Decimal(at * 7_919 % 10_007) for at in range(4_000)],
    "records": [{"id": Decimal(at)} for at in range(1_500)],
    "object": {f"key_{at}": str(at) for at in range(3_000)},
    "words": "słowo " * 3_333,
    "composed": "ą" * 32_000,
    "pieces": "a\u0328" * 16_000,
}
DEAR = [
    ("(message | split(',') | sort | first)", " ~ ", 39),
    ("(texts | sort | first)", " ~ ", 48),
    ("(texts | max)", " ~ ", 60),
    ("(texts == texts)", " and ", 39),
    ("('none of them' in texts)", " or ", 39),
    ("(numbers | sort | sum)", " + ", 48),
    ("(records | unique | length)", " + ", 48),
    ("(records | pluck('id') | sort | sum)", " + ", 30),
    ("(object | json | length)", " + ", 48),
    ("(object == object)", " and ", 39),
    ("(words | title | length)", " + ", 48),
    ("(composed | replace('ą', 'b') | length)", " + ", 30),
    ("(pieces | same_as(composed))", " or ", 39),
    ("('zz' in pieces)", " or ", 39),
    ("[pieces, composed, pieces, composed, pieces] | sort | length", " + ", 22),
]


@pytest.mark.parametrize(("part", "sign", "times"), DEAR)
def test_what_is_as_dear_as_two_hundred_parts_allow_is_bounded_in_time(part: str, sign: str, times: int) -> None:
    started = time.thread_time()
    Template.compile("{{ " + sign.join([part] * times) + " }}").evaluate(DEAR_SCOPE)
    assert time.thread_time() - started < LONGEST_SECONDS


BOUNDS: list[tuple[str, int, str, str]] = [
    # what grows, how often it is allowed, what it grows in, what is said beyond
    ("a", 1_994, "{{{{'{}'}}}}", "at most 2,000 characters"),
    ("{{ n }}", 200, "{}", "at most 200 parts"),
    ("[", 20, "{{{{ {}1{close} }}}}", "nested 20 deep"),
    ("a", 12_000, "{}", "at most 12,000 characters"),
    ("9", 400, "{{{{ {} }}}}", "at most 400 digits"),
]


@pytest.mark.parametrize(("part", "times", "around", "sentence"), BOUNDS)
def test_each_bound_lets_its_last_through_and_refuses_the_next(
    part: str, times: int, around: str, sentence: str
) -> None:
    def grown_to(count: int) -> str:
        return around.format(part * count, close="]" * count)

    Template.compile(grown_to(times))
    with pytest.raises(ExpressionError, match=sentence):
        Template.compile(grown_to(times + 1))


def test_a_deep_structure_is_refused_and_not_followed_to_the_end() -> None:
    value: Value = "x"
    for _ in range(5_000):
        value = [value]
    for source in ("{{ x }}", "{{ x | json }}", "{{ [x] | join }}", "{{ [x] | unique | json }}", "{{ x ~ '' }}"):
        with pytest.raises(TooLarge, match="64 deep"):
            Template.compile(source).render({"x": value})


def test_a_structure_that_shares_its_parts_is_weighed_as_if_written_out() -> None:
    value: Value = "x" * 100
    for _ in range(50):
        value = [value, value]
    for source in ("{{ x }}", "{{ x | json }}", "{{ x | join }}", "{{ x ~ '' }}"):
        with pytest.raises(TooLarge):
            Template.compile(source).render({"x": value})


# A random expression is grown from these; most of it is well formed, so that it gets past the door and runs.
NAMES = [*SCOPE, "unknown", "contact", "self", "range", "_x", "__class__"]
KEYS = ["items", "sku", "__class__", "format", "upper", "0", "a", "_id", "mro"]
CONSTANTS = [
    "0",
    "1",
    "-1",
    "2.5",
    "1e300",
    "9" * 60,
    "''",
    "'a'",
    "'%s'",
    "'%09999999d'",
    "'\\x00'",
    "true",
    "none",
    "[]",
    "{}",
]
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or", "**", "is"]
FOREIGN = ["attr", "map", "center", "format", "safe", "nope"]


def grown(source: random.Random, depth: int) -> str:
    if depth <= 0:
        return source.choice([source.choice(NAMES), source.choice(CONSTANTS)])
    kind = source.randrange(12)
    inner = grown(source, depth - 1 - source.randrange(2))
    if kind <= 2:
        return f"{inner} {source.choice(OPERATORS)} {grown(source, depth - 1)}"
    if kind <= 5:
        return f"({inner}) | {filter_of(source, depth)}"
    if kind == 6:
        known = source.choice([*TESTS, "callable"])
        return f"({inner}) is {source.choice(['', 'not '])}{known}" + (
            f" ({grown(source, 0)})" if known == "in" else ""
        )
    if kind == 7:
        return source.choice(
            [f"{inner}.{source.choice(KEYS)}", f"({inner})['{source.choice(KEYS)}']", f"({inner})[{grown(source, 0)}]"]
        )
    if kind == 8:
        return f"({inner} if {grown(source, depth - 2)} else {grown(source, depth - 2)})"
    if kind == 9:
        return source.choice([f"[{inner}, {grown(source, depth - 1)}]", f"{{'k': {inner}}}", f"({inner}, 1)"])
    if kind == 10:
        return source.choice([f"not {inner}", f"-({inner})", f"+{inner}", f"({inner})"])
    return source.choice([f"{inner}()", f"{inner}[1:2]", f"{inner}(*many)", inner, inner, inner, inner, inner])


def filter_of(source: random.Random, depth: int) -> str:
    name = source.choice([*FILTERS, *FILTERS, *FOREIGN])
    known = FILTERS.get(name)
    count = source.randint(known.required, len(known.parameters)) if known else source.randrange(2)
    given = [grown(source, source.randrange(min(depth, 2))) for _ in range(count)]
    return f"{name}({', '.join(given)})" if given else name


def templates(count: int, seed: int) -> Iterator[str]:
    source = random.Random(seed)
    for _ in range(count):
        parts = ["{{ " + grown(source, source.randrange(1, 6)) + " }}" for _ in range(source.choice([1, 1, 1, 2, 3]))]
        yield source.choice(["", "", "text "]).join(["", *parts])


def is_plain(value: Value) -> bool:
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(part) for key, part in value.items())
    return value is None or type(value) in {str, Decimal, bool, date, datetime}


def test_10_000_random_expressions_never_escape_and_never_take_long() -> None:
    slowest, outcomes = 0.0, {"refused": 0, "failed": 0, "worked": 0}
    for source in templates(10_000, seed=20261121):
        started = time.thread_time()
        try:
            template = Template.compile(source)
        except ExpressionError:
            outcomes["refused"] += 1
            continue
        finally:
            slowest = max(slowest, time.thread_time() - started)
        started = time.thread_time()
        try:
            text = template.render(SCOPE).text
            value = template.evaluate(SCOPE)
        except (ExpressionError, TooLarge):
            outcomes["failed"] += 1
        else:
            outcomes["worked"] += 1
            assert len(text) <= 10_000, source
            assert " at 0x" not in text, source
            assert "<class" not in text, source
            assert value is None or type_of(value) is not None, source
            assert is_plain(value), source
            assert count_within(value, 10_000_000) < 10_000_000, source
        slowest = max(slowest, time.thread_time() - started)
    assert slowest < LONGEST_SECONDS
    assert min(outcomes.values()) > 1_000, outcomes


def test_random_letters_are_a_template_or_an_expression_error() -> None:
    source = random.Random(7)
    sentences = []
    alphabet = "{}%#|()[]'\"\\.,:~+-*/=<>! \n\tabn_09éł😀\x00"
    for _ in range(5_000):
        text = "".join(source.choices(alphabet, k=source.randrange(1, 40)))
        wrapped = source.choice([text, "{{" + text + "}}", "{{ n | " + text + "}}"])
        try:
            Template.compile(wrapped).render(SCOPE)
        except (ExpressionError, TooLarge) as error:
            sentences.append(str(error))
    assert len(sentences) > 1_000
    assert all(sentence.endswith(".") for sentence in sentences)
