"""The step `fetch_variable`: asks another system over HTTP and keeps parts of its answer in variables."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import jmespath
import jmespath.exceptions

from flows.ask import Answer, HttpAnswer
from flows.context import Context
from flows.fetching import FETCH_ERRORS, FETCH_FIELDS
from flows.form import filled, record
from flows.mapping import NotMapped, mapped, row_type
from flows.requesting import http_request
from flows.step import Ask, Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import NotJson, TooLarge, Value, ValueType, from_json_text, from_plain
from flows.whole_address import NotWhole

_CRM: Mapping[str, Json] = {
    "url": "https://crm.example.com/customers/{{ contact.phone }}",
    "mapping": [{"path": "status", "variable": "loyalty_status", "type": "text", "default": "none"}],
}
_ANNA: Mapping[str, Value] = {"phone": "+48500100100"}
_TYPED: Mapping[str, Json] = {
    "url": "https://crm.example.com/orders",
    "mapping": [{"path": "sum(orders[].total)", "variable": "total", "type": "number", "required": True}],
}


class FetchVariableStep(Step):
    """Asks another system, such as your customer database, and keeps what you pick from its answer as variables. It
    leaves by “not found” when that system knows nothing, and by “failure” with the reason when it cannot be asked."""

    type: ClassVar[str] = "fetch_variable"
    title: ClassVar[str] = "Fetch variables"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "cloud-download"
    schema: ClassVar[Mapping[str, Json]] = record(FETCH_FIELDS, required=["url"])
    errors: ClassVar[Mapping[str, str]] = FETCH_ERRORS
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "A customer's status",
            _CRM,
            leaves_by="success",
            contact=_ANNA,
            turns=[HttpAnswer(200, body='{"status": "gold"}')],
            sets={"loyalty_status": "gold"},
        ),
        Example("Nobody knows them", _CRM, leaves_by="not_found", contact=_ANNA, turns=[HttpAnswer(404)]),
        Example(
            "The default steps in",
            _CRM,
            leaves_by="success",
            contact=_ANNA,
            turns=[HttpAnswer(200, body="{}")],
            sets={"loyalty_status": "none"},
        ),
        Example(
            "Amounts stay exact",
            _TYPED,
            leaves_by="success",
            turns=[HttpAnswer(200, body='{"orders": [{"total": 0.10}, {"total": 0.20}]}')],
            sets={"total": Decimal("0.30")},
        ),
        Example("It is down", _CRM, "failure", contact=_ANNA, turns=[HttpAnswer(503)], error="http_5xx"),
        Example(
            "It is slow",
            _CRM,
            "failure",
            contact=_ANNA,
            turns=[HttpAnswer(error="timeout", message="No answer within 10 s.", retryable=True)],
            error="timeout",
        ),
        Example(
            "A page instead of data",
            _CRM,
            "failure",
            contact=_ANNA,
            turns=[HttpAnswer(200, body="<p>")],
            error="not_json",
        ),
        Example(
            "What it must hold is not there",
            {**_TYPED, "mapping": [{"path": "total", "variable": "total", "required": True}]},
            "failure",
            turns=[HttpAnswer(200, body="{}")],
            error="mapping_missing",
        ),
        Example("No number to ask for", _CRM, "failure", error="expression_error"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """Found, or not."""
        return (Exit("success"), Exit("not_found", "not found"))

    def summary(self, config: Config) -> str:
        """As "GET crm /customers/… → loyalty_status"."""
        address = re.sub(r"\{\{.*?\}\}", "…", re.sub(r"^https?://[^/?]*", "", config.get("url", "")))
        names = ", ".join(row["variable"] for row in config.get("mapping", ()))
        source = config.get("credential") or config.get("base", "")
        words = (config.get("method", "GET"), source, address or "/", "→" if names else "", names)
        return " ".join(word for word in words if word)

    def problems(self, config: Config) -> Sequence[Problem]:
        """Addresses, paths and defaults that can never work."""
        found: list[Problem] = []
        url = config.get("url", "")
        beginnings = ("/", "?") if config.get("base") else ("http://", "https://", "{{")
        if not url.startswith(beginnings):
            mend = "Begin with / after a base address." if config.get("base") else "Begin with http:// or https://."
            found.append(Problem("address_incomplete", "url", f"The address “{url[:60]}” is not a whole one.", mend))
        for index, row in enumerate(config.get("mapping", ())):
            try:
                jmespath.compile(row["path"])
                mapped(row, None)
            except NotMapped as reason:
                if reason.kind == "type_mismatch":
                    found.append(
                        Problem("default_unfit", f"mapping.{index}.default", str(reason), "Change default or type.")
                    )
            except (jmespath.exceptions.JMESPathError, RecursionError):
                sentence = f"“{row['path'][:60]}” is no JMESPath expression."
                found.append(
                    Problem("path_unreadable", f"mapping.{index}.path", sentence, "Write one such as customer.status.")
                )
        if config.get("method") == "HEAD" and config.get("mapping"):
            found.append(
                Problem("no_body", "mapping", "HEAD brings no content to map.", "Use GET, or remove the rows.")
            )
        return found

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The mapping's variables, on success."""
        return [(row["variable"], row_type(row), ("success",)) for row in config.get("mapping", ())]

    def run(self, context: Context) -> Outcome:
        """Ask the other system."""
        try:
            return Ask(http_request(context, filled(self.schema, context.config)))
        except NotWhole as problem:
            return fail("bad_address", str(problem))

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Map the answer, or say what is wrong with it."""
        if not isinstance(answer, HttpAnswer):
            raise TypeError(f"fetch_variable asked over HTTP and was answered with {type(answer).__name__}.")
        config = filled(self.schema, context.config)
        if answer.error:
            return fail(
                answer.error, answer.message or FETCH_ERRORS.get(answer.error, answer.error), retryable=answer.retryable
            )
        if answer.status in config.get("not_found_statuses", (404, 410)):
            return Take("not_found", why={"status": answer.status})
        if not _expected(answer.status, config):
            return _unexpected(answer.status)
        return _mapped(answer, config.get("mapping", ()))


def _expected(status: int, config: Mapping[str, Any]) -> bool:
    statuses = config.get("expected_statuses")
    return status in statuses if statuses else 200 <= status < 300


def _unexpected(status: int) -> Take:
    kind = {4: "http_4xx", 5: "http_5xx"}.get(status // 100, "unexpected_status")
    retryable = status >= 500 or status in {408, 425, 429}
    return fail(
        kind, f"The other system answered with the status {status}.", retryable=retryable, why={"status": status}
    )


def _mapped(answer: HttpAnswer, rows: Sequence[Mapping[str, Any]]) -> Take:
    told: list[Mapping[str, Any]] = []
    why = {"status": answer.status, "mapping": told}
    if not rows:
        return Take("success", why=why)
    sets: dict[str, Value] = {}
    try:
        response = from_json_text(answer.body)
        for row in rows:
            found = _found(row["path"], response)
            told.append({"path": row["path"], "variable": row["variable"], "found": found is not None})
            sets[row["variable"]] = mapped(row, found)
    except NotJson as problem:
        return fail("not_json", f"The answer cannot be read: {problem}", why=why)
    except NotMapped as problem:
        return fail(problem.kind, str(problem), why=why)
    except TooLarge as problem:
        return fail("too_large", f"The answer cannot be used: {problem}", why=why)
    return Take("success", sets=sets, why=why)


class _Number(Decimal):
    """A number as JMESPath's functions take it: they look at the name of its class, and know no exact ones."""


_Number.__name__ = "float"


def _found(path: str, response: Value) -> Value:
    """What a path finds; None when there is nothing. Raises: NotMapped, TooLarge."""
    try:
        return from_plain(jmespath.search(path, _with_numbers(response) if "(" in path else response))
    except jmespath.exceptions.ParseError as problem:
        raise NotMapped("type_mismatch", f"“{path[:60]}” is no JMESPath expression.") from problem
    except (jmespath.exceptions.JMESPathError, ArithmeticError, NotJson, RecursionError) as problem:
        sentence = f"{path[:60]} cannot be worked out of this answer; a function gets a kind of value it does not take."
        raise NotMapped("type_mismatch", sentence) from problem


def _with_numbers(data: Value) -> Any:
    if isinstance(data, Decimal):
        return _Number(data)
    if isinstance(data, dict):
        return {key: _with_numbers(part) for key, part in data.items()}
    return [_with_numbers(part) for part in data] if isinstance(data, list) else data
