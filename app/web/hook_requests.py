"""A webhook's request as a channel reads it, within the door's bounds."""

from typing import Final
from urllib.parse import parse_qsl

from flask import Request

from app.channels.contract import Webhook
from app.web.refusals import Refusal

FIELDS_AT_MOST: Final = 100  # RELIABILITY §4
_FORM: Final = "application/x-www-form-urlencoded"


def read_webhook(request: Request, public_url: str, path: str, accepted_types: tuple[str, ...]) -> Webhook:
    """The request as the provider sent it; `path` is what follows /hooks/<connection>/. Raises: Refusal."""
    body = request.get_data(cache=False)  # the guard bounds it
    target = _target(request)
    query = _pairs(request.query_string)
    form: list[tuple[str, str]] = []
    if request.method == "POST":
        if request.mimetype not in accepted_types:
            wanted = " or ".join(accepted_types)
            raise Refusal(
                415, "not_a_form", f"The body is {request.mimetype or 'of no named type'}: send it as {wanted}."
            )
        if request.mimetype == _FORM:
            form = _pairs(body)
            if not form:
                raise Refusal(400, "empty_form", "The form is empty or unreadable: send its fields as name=value.")
    headers = {name.lower(): value for name, value in request.headers}
    return Webhook(path=path, url=public_url + target, query=query, form=form, headers=headers, body=body)


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_AT_MOST)
    except ValueError:
        sentence = f"There are more than {FIELDS_AT_MOST} fields: no provider sends so many."
        raise Refusal(413, "too_many_fields", sentence) from None


def _target(request: Request) -> str:
    """Path and query exactly as they were sent: the signature covers these very characters."""
    raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or "")
    if raw.startswith("/"):
        return raw
    query = request.query_string.decode("latin-1")
    return request.path + (f"?{query}" if query else "")
