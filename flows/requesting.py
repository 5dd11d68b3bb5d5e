"""The HTTP request that a config of fetch_variable describes; its values filled in, its secrets only named."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from flows.ask import HttpRequest, Retries
from flows.context import Context
from flows.step import Json
from flows.values import Value, from_plain, to_json
from flows.whole_address import NotWhole, whole_address


def http_request(context: Context, config: Mapping[str, Any]) -> HttpRequest:
    """The request of a config with its defaults filled in, within the installation's limits.

    Raises:
        NotWhole: the address is none.
        ExpressionError: a value for the address, a header or the content is missing.
        TooLarge: a text or the content is longer than allowed.
    """
    headers = {row["name"]: context.header(row["value"]) for row in config.get("headers", ())}
    body, content_type = _body(context, config.get("body", {}))
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    limits = context.limits
    longest = limits.http_seconds_on_call if context.on_call else limits.http_seconds
    speaks = context.on_call and "hold_prompt" in config
    return HttpRequest(
        method=config["method"],
        url=_address(context, config),
        headers=headers,
        body=body,
        credential=config.get("credential", ""),
        timeout_seconds=float(min(config["timeout_seconds"], longest)),
        maximum_bytes=min(config["maximum_bytes"], limits.response_bytes),
        retries=Retries(
            config["retry_count"],
            float(config["retry_back_off_seconds"]),
            tuple(config.get("retry_statuses", Retries().statuses)),
        ),
        may_be_repeated=config["may_be_repeated"],
        cache_seconds=config["cache_seconds"],
        hold_prompt=context.localised(config["hold_prompt"]) if speaks else "",
        hold_language=context.language if speaks else "",
    )


def _address(context: Context, config: Mapping[str, Any]) -> str:
    base = config.get("base", "")
    if not base:
        address = whole_address(context, config["url"])
    else:
        origin = context.facts.constants.get(base)
        if not isinstance(origin, str) or not origin.startswith(("http://", "https://")):
            sentence = f"The constant {base} holds no address; set it to one such as https://crm.example.com."
            raise NotWhole(sentence)
        address = origin.rstrip("/") + context.address(config["url"])
    query = _pairs(context, config.get("query", ()))
    return address + ("&" if "?" in address else "?") + query if query else address


def _body(context: Context, body: Mapping[str, Any]) -> tuple[str | None, str]:
    """The request's content and its media type."""
    if "json" in body:
        return to_json(_leaves(context, body["json"])), "application/json"
    if "form" in body:
        return _pairs(context, body["form"]), "application/x-www-form-urlencoded"
    if "raw" in body:
        return context.strict_text(body["raw"]), "text/plain; charset=utf-8"
    return None, ""


def _pairs(context: Context, rows: Iterable[Mapping[str, Any]]) -> str:
    written = ((row["name"], context.strict_text(row["value"])) for row in rows)
    return "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in written)


def _leaves(context: Context, data: Json) -> Value:
    if isinstance(data, str):
        return context.strict_value(data)
    if isinstance(data, dict):
        return {key: _leaves(context, part) for key, part in data.items()}
    return [_leaves(context, part) for part in data] if isinstance(data, list) else from_plain(data)
