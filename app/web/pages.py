"""Whether this process is alive and ready."""

from flask import Blueprint, Response, current_app, jsonify

from app.house import House
from app.web.readiness import readiness

blueprint = Blueprint("pages", __name__)


@blueprint.get("/live")
def live() -> Response:
    """This process answers."""
    return jsonify(live=True)


@blueprint.get("/ready")
def ready() -> Response:
    """Whether this process can do its work; 503 with the sentences when it cannot."""
    found = readiness(_house())
    response = jsonify(ready=found.is_ready, checks=[vars(check) for check in found.checks])
    response.status_code = 200 if found.is_ready else 503
    response.headers["Cache-Control"] = "no-store"
    if not found.is_ready:
        response.headers["Retry-After"] = "5"
    return response


def _house() -> House:
    house: House = current_app.extensions["patchbay"]
    return house
