"""Answers of an address that is never asked: prepared in a flow's tests, or typed by a person."""

import json
from collections.abc import Mapping
from typing import Any, get_args

from flows.ask import Answer, HttpAnswer
from flows.errors import FlowError
from flows.fetching import FETCH_ERRORS
from flows.wire import from_data, kind_of

EXAMPLES = '200 {"status": "gold"}, 404, or timeout'


def read_answer(text: str) -> HttpAnswer:
    """The answer a person means by `200 {"status": "gold"}`, `404`, `timeout`, or a body alone.

    Raises: FlowError.
    """
    word, _, rest = text.strip().partition(" ")
    if word in FETCH_ERRORS:
        return HttpAnswer(error=word, message=rest or f"Typed: {word}.", retryable=word in {"connect", "timeout"})
    if word.isdecimal() and len(word) == 3:
        return _with_body(int(word), rest)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise FlowError(f"This is no answer; type one such as {EXAMPLES}.") from problem
    answer = answer_of(data) if isinstance(data, dict) and data.keys() & {"status", "error", "kind"} else None
    return answer if isinstance(answer, HttpAnswer) else _with_body(200, text)


def answer_of(data: object) -> Answer:
    """A prepared answer: `{"status": 200, "body": …}` with a body of any JSON, or any answer by its kind.

    Raises: FlowError.
    """
    if not isinstance(data, Mapping):
        raise FlowError(f'A prepared answer is an object such as {{"status": 200, "body": {{}}}}, not {data!r:.40}.')
    told: dict[str, Any] = {"kind": "http_answer", **data}
    if told["kind"] == kind_of(HttpAnswer):
        if not isinstance(told.get("status", 200), int):
            # A body that has a status of its own, such as a customer's: it was meant as the body.
            return _with_body(200, json.dumps(data, ensure_ascii=False))
        body = told.get("body", "")
        told["body"] = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        told.setdefault("status", 0 if told.get("error") else 200)
        told.setdefault("size_bytes", len(told["body"].encode()))
        told.setdefault("headers", _headers(told["body"]))
    kinds = {kind_of(kind): kind for kind in get_args(Answer)}
    if told["kind"] not in kinds:
        raise FlowError(f"A prepared answer cannot be a {told['kind']!r}; known are {', '.join(sorted(kinds))}.")
    answer: Answer = from_data(kinds[told["kind"]], told)
    return answer


def prepared(data: object) -> dict[str, list[Answer]]:
    """The `answers` of a flow's test, or of a file: for each step a list, taken in order.

    Raises: FlowError.
    """
    if not isinstance(data, Mapping) or not all(isinstance(given, list) for given in data.values()):
        raise FlowError('Prepared answers are an object {"step": [answer, …]}: for each step that asks, a list.')
    return {str(step): [answer_of(one) for one in given] for step, given in data.items()}


def _with_body(status: int, body: str) -> HttpAnswer:
    return HttpAnswer(status=status, headers=_headers(body), body=body, size_bytes=len(body.encode()))


def _headers(body: str) -> dict[str, str]:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return {"content-type": "text/plain; charset=utf-8"}
    return {"content-type": "application/json"}
