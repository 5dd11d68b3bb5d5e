"""Whether this process is alive and ready."""

from flask import Blueprint, Response, jsonify

from app.web.readiness import readiness
from app.web.this_house import this_house

blueprint = Blueprint("pages", __name__)


@blueprint.get("/live")
def live() -> Response:
    """This process answers."""
    return jsonify(live=True)


@blueprint.get("/ready")
def ready() -> Response:
    """Whether this process can do its work; 503 with the sentences when it cannot."""
    found = readiness(this_house())
    response = jsonify(ready=found.is_ready, checks=[vars(check) for check in found.checks])
    response.status_code = 200 if found.is_ready else 503
    response.headers["Cache-Control"] = "no-store"
    if not found.is_ready:
        response.headers["Retry-After"] = "5"
    return response
