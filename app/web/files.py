"""Stored files at signed addresses that expire; the signature in the address is the permission."""

from urllib.parse import quote

from flask import Blueprint, Response

from app.db import now
from app.file_address import opens
from app.files import read_file
from app.web.refusals import Refusal
from app.web.this_house import this_house

blueprint = Blueprint("files", __name__)


@blueprint.get("/files/<int:file_id>/<signature>")
def file(file_id: int, signature: str) -> Response:
    """The file as a download that no browser runs; an image element still shows it."""
    house = this_house()
    with house.database.reading() as session:
        stored = read_file(session, file_id) if opens(house.key, file_id, signature, now(session)) else None
    if stored is None:
        sentence = "There is no file under this address, or its time is over: open the conversation again."
        raise Refusal(404, "no_file", sentence)
    response = Response(stored.content, mimetype=stored.media_type)
    # RFC 6266 §4.3: the name in UTF-8, percent-encoded
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(stored.name or 'file', safe='')}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, max-age=43200, immutable"
    return response
