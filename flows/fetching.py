"""The form of fetch_variable: how to ask another system, which answers to expect, and what to keep of them."""

from collections.abc import Mapping

from flows.form import (
    Schema,
    address,
    advanced,
    body,
    choice,
    header_value,
    length,
    localised,
    named,
    record,
    rows,
    seconds,
    template,
    text,
    variable,
    whole,
    yes_no,
)
from flows.mapping import TYPE

FETCH_ERRORS: Mapping[str, str] = {
    "dns": "The other system's name is not known.",
    "connect": "The other system does not take connections, or broke one off before the whole answer had come.",
    "tls": "The other system cannot prove its name, or its certificate has expired.",
    "timeout": "The other system did not answer in time.",
    "http_4xx": "The other system refused the question (status 400 to 499).",
    "http_5xx": "The other system is broken or overloaded (status 500 to 599).",
    "unexpected_status": "The other system answered with a status that is not among the expected ones.",
    "redirect_refused": "The answer led to another place where flows may not go.",
    "too_large": "The answer, or a value in it, is larger than allowed.",
    "not_json": "The answer is not JSON, so nothing can be picked from it.",
    "mapping_missing": "The answer lacks a value that a row needs; the message names its path.",
    "type_mismatch": "A value of the answer cannot be read as the wanted type; the message names its path.",
    "blocked_address": "The address leads into a network where flows may not go.",
    "bad_address": "The address is not whole (http:// or https:// and a host), or a header cannot be sent.",
    "circuit_open": "The other system failed so often lately that it is left alone for a while.",
    "secret_missing": "The credential has no secret yet, or it may not be used for this address.",
    "outcome_unknown": "The request was sent, but nobody knows whether it arrived; it may not be repeated.",
    "expression_error": "A value for the address, a header or the content is missing.",
}

_METHODS = {method: method for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}
_HEADER_NAME = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"  # a token of RFC 9110 section 5.6.2
_STATUS = whole("Status", "A number from 100 to 599.", minimum=100, maximum=599)


def _pairs(title: str, help_text: str) -> Schema:
    row = record(
        {"name": text("Name", "Its name.", pattern=r"\S", says="filled in"), "value": template("Value", "Its value.")},
        required=["name", "value"],
    )
    return rows(title, help_text, row, maximum=100)


_MAPPING_ROW = record(
    {
        "path": length(
            text("Path", "Where the value stands in the answer (JMESPath), such as customer.status."),
            minimum=1,
            maximum=1_000,
        ),
        "variable": variable("Variable", "The name later steps read it by."),
        "type": TYPE,
        "required": yes_no("Needed", "Whether the step fails when the answer lacks it.", default=False),
        "default": text("Otherwise", "What is kept when the answer lacks it."),
    },
    required=["path", "variable"],
)
_BODY = record(
    {
        "json": body("JSON", "Any JSON; its texts may hold expressions, and one that is only {{ … }} keeps its type."),
        "form": _pairs("Form", "Fields, sent as a web form."),
        "raw": template("Text", "Sent as it is; name its kind in a Content-Type header."),
    },
    title="Content",
    help_text="What is sent along, for POST, PUT and PATCH.",
    exactly_one_of=["json", "form", "raw"],
)

FETCH_FIELDS: Mapping[str, Schema] = {
    "url": address(
        "Address",
        "What is asked, such as https://crm.example.com/customers/{{ contact.phone }}; each value is one segment.",
    ),
    "base": advanced(
        named(
            "constant",
            "Base address",
            "A constant that holds the address's first part; the address then begins with /.",
        )
    ),
    "credential": named("credential", "Credential", "The secret the other system wants; empty when it wants none."),
    "mapping": rows("Keep", "What is kept of the answer.", _MAPPING_ROW, maximum=100),
    "method": advanced(choice("Method", "GET only reads; the others may change something.", _METHODS, default="GET")),
    "query": advanced(_pairs("Query", "What follows the question mark of the address.")),
    "headers": advanced(
        rows(
            "Headers",
            "Further headers; secrets belong into a credential.",
            record(
                {
                    "name": text("Name", "Its name.", pattern=_HEADER_NAME, says="letters, digits and -"),
                    "value": header_value("Value", "Its value."),
                },
                required=["name", "value"],
            ),
            maximum=50,
        )
    ),
    "body": advanced(_BODY),
    "timeout_seconds": advanced(
        seconds("Time limit", "For everything, repeats too; on a call never more than 8 seconds.", 0.5, 60, default=10)
    ),
    "retry_count": advanced(
        whole("Repeats", "How often a failed question is repeated within the time limit.", 0, 5, default=1)
    ),
    "retry_back_off_seconds": advanced(
        seconds("Pause before a repeat", "Doubles each time.", minimum=0.1, maximum=10, default=0.5)
    ),
    "retry_statuses": advanced(
        rows("Repeat on", "Statuses that are repeated; else 429, 502, 503 and 504.", _STATUS, maximum=20)
    ),
    "may_be_repeated": advanced(
        yes_no(
            "May be repeated", "Whether a POST or PATCH may arrive twice without harm after a breakdown.", default=False
        )
    ),
    "expected_statuses": advanced(
        rows("Expected", "Statuses that are a success; else 200 to 299.", _STATUS, maximum=20)
    ),
    "not_found_statuses": advanced(
        rows("Not found", "Statuses that mean “not found”; else 404 and 410.", _STATUS, maximum=20)
    ),
    "cache_seconds": advanced(
        whole(
            "Remember", "For how many seconds an answer to GET is used again; 0 asks each time.", 0, 86_400, default=0
        )
    ),
    "maximum_bytes": advanced(
        whole("Largest answer", "In bytes; a larger answer is refused.", 1, 5_242_880, default=262_144)
    ),
    "hold_prompt": advanced(localised("While the caller waits", "Said on a call when the answer takes long.")),
}
