from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from flows.ask import HttpAnswer, HttpRequest, Retries
from flows.fetching import FETCH_ERRORS
from flows.limits import Limits
from flows.values import Value
from tests.steps.visits import Visit, answer, step_of

CRM: Mapping[str, Any] = {"url": "https://crm.example.com/customers/{{ contact.phone }}"}
ANNA: Mapping[str, Value] = {"phone": "+48500100100"}


def mapping(path: str, kind: str = "as_is", **more: Any) -> Mapping[str, Any]:
    return {**CRM, "mapping": [{"path": path, "variable": "x", "type": kind, **more}]}


def request_of(config: Mapping[str, Any], **more: Any) -> HttpRequest:
    visit = Visit("fetch_variable", config, ANNA, {"n": Decimal("12.50"), "word": "a&b"}, **more)
    assert isinstance(visit.asked, HttpRequest), visit.message
    return visit.asked


ADDRESSES: list[tuple[Mapping[str, Any], str]] = [
    (CRM, "https://crm.example.com/customers/%2B48500100100"),
    ({"base": "crm", "url": "/customers/{{ contact.phone }}"}, "http://127.0.0.1:8001/customers/%2B48500100100"),
    ({"url": "{{ constants.crm }}"}, "http://127.0.0.1:8001/"),
    (
        {"url": "https://a.example/?x=1", "query": [{"name": "q", "value": "{{ word }}"}]},
        "https://a.example/?x=1&q=a%26b",
    ),
    ({"url": "https://a.example", "query": [{"name": "a b", "value": "{{ n }}"}]}, "https://a.example?a%20b=12.50"),
    ({"url": "https://a.example/{{ '../../admin?x=1' }}"}, "https://a.example/..%2F..%2Fadmin%3Fx%3D1"),
]


@pytest.mark.parametrize(("config", "url"), ADDRESSES)
def test_an_address_keeps_every_value_in_its_place(config: Mapping[str, Any], url: str) -> None:
    assert request_of(config, constants={"crm": "http://127.0.0.1:8001/"}).url == url


BODIES: list[tuple[Mapping[str, Any], str, str]] = [
    (
        {"json": {"n": "{{ n }}", "phone": "{{ contact.phone }}", "deep": [1, 0.5, True, None, "x {{ n }}"]}},
        '{"n":12.50,"phone":"+48500100100","deep":[1,0.5,true,null,"x 12.50"]}',
        "application/json",
    ),
    ({"form": [{"name": "a", "value": "{{ word }}"}]}, "a=a%26b", "application/x-www-form-urlencoded"),
    ({"raw": "n is {{ n }}"}, "n is 12.50", "text/plain; charset=utf-8"),
]


@pytest.mark.parametrize(("body", "text", "media_type"), BODIES)
def test_content_is_sent_as_the_author_shaped_it(body: Mapping[str, Any], text: str, media_type: str) -> None:
    request = request_of({**CRM, "method": "POST", "body": body})
    assert (request.method, request.body, request.headers) == ("POST", text, {"Content-Type": media_type})


def test_an_author_names_the_content_type_and_the_credential_is_only_named() -> None:
    headers = [{"name": "content-type", "value": "text/csv"}, {"name": "X-Tier", "value": "{{ word }}"}]
    request = request_of({**CRM, "method": "PUT", "body": {"raw": "a;b"}, "headers": headers, "credential": "crm"})
    assert request.headers == {"content-type": "text/csv", "X-Tier": "a&b"}
    assert request.credential == "crm"


def test_retries_cache_and_sizes_are_the_authors_within_the_installations_limits() -> None:
    config = {
        **CRM,
        "timeout_seconds": 60,
        "retry_count": 3,
        "retry_back_off_seconds": 1,
        "retry_statuses": [500],
        "may_be_repeated": True,
        "cache_seconds": 60,
        "maximum_bytes": 1_000,
        "hold_prompt": {"en": "One moment."},
    }
    request = request_of(config)
    assert (request.timeout_seconds, request.maximum_bytes, request.cache_seconds) == (60, 1_000, 60)
    assert (request.retries, request.may_be_repeated) == (Retries(3, 1.0, (500,)), True)
    assert request.hold_prompt == ""
    assert request_of(CRM).timeout_seconds == 10
    assert request_of(CRM).maximum_bytes == 262_144


def test_on_a_call_the_time_is_short_and_the_hold_prompt_ready() -> None:
    request = request_of({**CRM, "timeout_seconds": 60, "hold_prompt": {"en": "One moment."}}, on_call=True)
    assert (request.timeout_seconds, request.hold_prompt, request.hold_language) == (8, "One moment.", "en")


@pytest.mark.parametrize("on_call", [False, True])
def test_what_an_author_chooses_stays_within_the_limits_of_the_installation(on_call: bool) -> None:
    limits = replace(Limits(), http_seconds=5.0, http_seconds_on_call=3.0, response_bytes=500)
    chosen = {**CRM, "timeout_seconds": 60, "maximum_bytes": 5_242_880}
    asked = request_of(chosen, on_call=on_call, limits=limits)
    assert (asked.timeout_seconds, asked.maximum_bytes) == (3 if on_call else 5, 500)


MAPPED: list[tuple[Mapping[str, Any], str, Value]] = [
    (mapping("status"), '{"status": "gold"}', "gold"),
    (mapping("a.b[1].c"), '{"a": {"b": [0, {"c": "deep"}]}}', "deep"),
    (mapping("n"), '{"n": 0.1000000000000000000000000000001}', Decimal("0.1000000000000000000000000000001")),
    (mapping("n"), '{"n": 12345678901234567890123}', Decimal(12345678901234567890123)),
    (mapping("n", "number"), '{"n": "12.50"}', Decimal("12.50")),
    (mapping("n", "text"), '{"n": 7}', "7"),
    (mapping("b", "boolean"), '{"b": "yes"}', True),
    (mapping("d", "date"), '{"d": "2026-11-21"}', date(2026, 11, 21)),
    (mapping("d", "datetime"), '{"d": "2026-11-21T12:00:00Z"}', datetime(2026, 11, 21, 12, tzinfo=UTC)),
    (mapping("l", "list"), '{"l": [1, "a"]}', [Decimal(1), "a"]),
    (mapping("@", "object"), '{"a": {"b": null}}', {"a": {"b": None}}),
    (mapping("length(l)"), '{"l": [1, 2, 3]}', Decimal(3)),
    (mapping("sum(l[].n)"), '{"l": [{"n": 0.1}, {"n": 0.2}]}', Decimal("0.3")),
    (mapping("l[?n > `1`].n | [0]"), '{"l": [{"n": 0.5}, {"n": 1.5}]}', Decimal("1.5")),
    (mapping("max_by(l, &n).id"), '{"l": [{"n": 1, "id": "a"}, {"n": 2.5, "id": "b"}]}', "b"),
    (mapping("status", default="none"), "{}", "none"),
    (mapping("status", default="none"), '{"status": null}', "none"),
    (mapping("n", "number", default="0"), "{}", Decimal(0)),
    (mapping("status"), "{}", None),
    (mapping("status"), '\ufeff{"status": "bom"}', "bom"),
    (mapping("status"), '{"status": "a\\u0000b"}', "a\ufffdb"),
]


@pytest.mark.parametrize(("config", "body", "value"), MAPPED)
def test_a_row_maps_what_its_path_finds(config: Mapping[str, Any], body: str, value: Value) -> None:
    visit = Visit("fetch_variable", config, ANNA).feed(answer(body))
    assert (visit.left_by, visit.sets) == ("success", {"x": value}), visit.message


STATUSES: list[tuple[Mapping[str, Any], int, str, str | None]] = [
    ({}, 200, "success", None),
    ({}, 204, "success", None),
    ({}, 404, "not_found", None),
    ({}, 410, "not_found", None),
    ({}, 400, "failure", "http_4xx"),
    ({}, 401, "failure", "http_4xx"),
    ({}, 429, "failure", "http_4xx"),
    ({}, 500, "failure", "http_5xx"),
    ({}, 503, "failure", "http_5xx"),
    ({}, 304, "failure", "unexpected_status"),
    ({"expected_statuses": [200]}, 204, "failure", "unexpected_status"),
    ({"expected_statuses": [409]}, 409, "success", None),
    ({"not_found_statuses": [422]}, 422, "not_found", None),
    ({"not_found_statuses": [422]}, 404, "failure", "http_4xx"),
]


@pytest.mark.parametrize(("config", "status", "left_by", "kind"), STATUSES)
def test_a_status_decides_the_exit(config: Mapping[str, Any], status: int, left_by: str, kind: str | None) -> None:
    visit = Visit("fetch_variable", {**CRM, **config}, ANNA).feed(answer(status=status))
    assert (visit.left_by, visit.error) == (left_by, kind)
    assert bool(visit.run.error.get("retryable")) == (status in {429, 500, 503})


FAILURES: list[tuple[Mapping[str, Any], HttpAnswer | None, str]] = [
    *[(CRM, HttpAnswer(error=kind), kind) for kind in FETCH_ERRORS],
    (mapping("x"), answer("<html>"), "not_json"),
    (mapping("x"), answer(""), "not_json"),
    (mapping("x"), answer("NaN"), "not_json"),
    (mapping("x"), answer('{"x": 1'), "not_json"),
    (mapping("x"), answer("[" * 100_000), "too_large"),
    (mapping("x"), answer('{"x": 1e999999999}'), "too_large"),
    (mapping("x"), answer('{"x": "' + "y" * 70_000 + '"}'), "too_large"),
    (mapping("x", required=True), answer("{}"), "mapping_missing"),
    (mapping("x", "number"), answer('{"x": "many"}'), "type_mismatch"),
    (mapping("x", "list"), answer('{"x": {}}'), "type_mismatch"),
    (mapping("sum(x)"), answer('{"x": ["a"]}'), "type_mismatch"),
    (mapping("x[["), answer("{}"), "type_mismatch"),
    (mapping("(" * 400), answer("{}"), "type_mismatch"),
    ({"url": "crm.example.com"}, None, "bad_address"),
    ({"base": "nobody", "url": "/x"}, None, "bad_address"),
    ({"url": "https://a.example/{{ nobody }}"}, None, "expression_error"),
    ({**CRM, "query": [{"name": "q", "value": "{{ nobody }}"}]}, None, "expression_error"),
    ({**CRM, "headers": [{"name": "X-A", "value": "{{ nobody }}"}]}, None, "expression_error"),
    ({**CRM, "headers": [{"name": "X-A", "value": "{{ lines }}"}]}, None, "expression_error"),
    ({**CRM, "method": "POST", "body": {"json": {"a": ["{{ nobody }}"]}}}, None, "expression_error"),
    ({**CRM, "method": "POST", "body": {"raw": "{{ nobody }}"}}, None, "expression_error"),
]


@pytest.mark.parametrize(("config", "given", "kind"), FAILURES)
def test_fetching_fails_by_name_and_sets_nothing(
    config: Mapping[str, Any], given: HttpAnswer | None, kind: str
) -> None:
    visit = Visit("fetch_variable", config, ANNA, {"lines": "a\r\nX-Evil: 1"})
    if given is not None:
        visit.feed(given)
    assert (visit.left_by, visit.error, visit.sets) == ("failure", kind, {})
    assert visit.message.endswith(".")


@pytest.mark.parametrize("path", ["customer.status", "orders[0].total"])
def test_a_failed_row_names_its_path(path: str) -> None:
    config = mapping(path, "number", required=True)
    assert path in Visit("fetch_variable", config, ANNA).feed(answer("{}")).message


def test_the_trace_says_which_rows_found_something() -> None:
    config = {**CRM, "mapping": [{"path": "a", "variable": "a"}, {"path": "b", "variable": "b"}]}
    visit = Visit("fetch_variable", config, ANNA).feed(answer('{"a": 1}'))
    rows = [{"path": "a", "variable": "a", "found": True}, {"path": "b", "variable": "b", "found": False}]
    assert visit.why == {"status": 200, "mapping": rows}


SUMMARIES: list[tuple[Mapping[str, Any], str]] = [
    (
        {**CRM, "credential": "crm", "mapping": [{"path": "status", "variable": "loyalty_status"}]},
        "GET crm /customers/… → loyalty_status",
    ),
    ({"url": "https://a.example", "method": "POST"}, "POST /"),
    ({"base": "customer_api", "url": "/customers/{{ phone }}"}, "GET customer_api /customers/…"),
]


@pytest.mark.parametrize(("config", "line"), SUMMARIES)
def test_the_summary_says_what_is_asked_and_kept(config: Mapping[str, Any], line: str) -> None:
    assert step_of("fetch_variable").summary(config) == line


PROBLEMS: list[tuple[Mapping[str, Any], Sequence[str]]] = [
    (CRM, []),
    ({"url": "crm.example.com"}, ["address_incomplete"]),
    ({"url": "customers", "base": "crm"}, ["address_incomplete"]),
    ({"url": "/customers", "base": "crm"}, []),
    (mapping("a.b"), []),
    (mapping("a.["), ["path_unreadable"]),
    (mapping("a", "number", default="none"), ["default_unfit"]),
    (mapping("a", "number", default="0", required=True), []),
    ({**mapping("a"), "method": "HEAD"}, ["no_body"]),
]


@pytest.mark.parametrize(("config", "codes"), PROBLEMS)
def test_what_can_never_work_is_a_finding(config: Mapping[str, Any], codes: Sequence[str]) -> None:
    assert [problem.code for problem in step_of("fetch_variable").problems(config)] == codes
