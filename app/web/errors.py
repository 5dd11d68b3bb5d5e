"""Turns what the house refuses into HTTP: always JSON with a sentence, a code and details, never a bare page."""

from collections.abc import Mapping
from typing import Final

import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.accounts.people import Forbidden
from app.credentials import CredentialRefused
from app.db import DatabaseUnavailable
from app.errors import Conflict, DomainError, Invalid, NotFound
from app.files import FileTooLarge
from app.sealing import SealBroken
from app.web.refusals import Refusal, of_http, refused
from flows.errors import DocumentError

_STATUSES: Final[Mapping[type[DomainError], int]] = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Forbidden: 403,
}
_AWAY: Final = (DatabaseUnavailable, OperationalError, InterfaceError, PoolTimeout)
_log = structlog.get_logger("patchbay.web")


def handle_errors(app: Flask) -> None:
    """Registers the handlers; a blueprint's own go first."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(DocumentError, _document)
    app.register_error_handler(CredentialRefused, _credential)
    app.register_error_handler(SealBroken, lambda error: _answer(409, "seal_broken", str(error)))
    app.register_error_handler(FileTooLarge, lambda error: _answer(413, "too_large", str(error)))
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(404, _nothing)
    app.register_error_handler(405, _wrong_method)
    app.register_error_handler(IntegrityError, _raced)
    for kind in _AWAY:
        app.register_error_handler(kind, _unavailable)
    app.register_error_handler(Exception, _unexpected)


def _domain(error: DomainError) -> Response:
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    return refused(Refusal(status, error.code, error.sentence, error.details))


def _document(error: DocumentError) -> Response:
    fault = {"path": error.path, "sentence": error.sentence}
    return refused(Refusal(422, error.code, str(error), {**fault, "faults": [fault]}))


def _credential(error: CredentialRefused) -> Response:
    faults = [{"path": path, "sentence": sentence} for path, sentence in error.faults]
    return refused(Refusal(422, "credential_refused", str(error), {"faults": faults}))


def _nothing(_: Exception) -> Response:
    sentence = "There is nothing at this address: look at its spelling. Programs find theirs in /api/v1/openapi.json."
    return _answer(404, "not_found", sentence)


def _wrong_method(error: MethodNotAllowed) -> Response:
    allowed = sorted({*(error.valid_methods or ())} - {"HEAD", "OPTIONS"})
    response = _answer(
        405, "method_not_allowed", f"This address does not take {request.method}: use {' or '.join(allowed)}."
    )
    response.headers["Allow"] = ", ".join(allowed)  # RFC 9110 §15.5.6
    return response


def _raced(_: Exception) -> Response:
    sentence = "Somebody else changed the same at this very moment: nothing was changed here. Look again and retry."
    return _answer(409, "conflict", sentence)


def _unavailable(_: Exception) -> Response:
    sentence = "The database cannot be reached or is busy: nothing was changed. Try again in a few seconds."
    return refused(Refusal(503, "unavailable", sentence, retry_after_seconds=2))


def _unexpected(error: Exception) -> Response:
    _log.error("unexpected", route=str(request.url_rule), method=request.method, exc_info=error)
    sentence = (
        "Something went wrong that we did not foresee: it is in the log under the request's id. Nothing was changed."
    )
    return _answer(500, "unexpected", sentence)


def _answer(status: int, code: str, sentence: str) -> Response:
    return refused(Refusal(status, code, sentence))
