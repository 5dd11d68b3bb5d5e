"""The web application: all doors, behind one guard."""

import os
from pathlib import Path
from typing import Final

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import Settings
from app.house import House
from app.log_lines import write_json_lines
from app.runner.taking import take_one
from app.web import chat, chat_page, files, forms, hooks, pages, updates
from app.web.api import NOUNS
from app.web.errors import handle_errors
from app.web.guard import NEEDS, keep_guard
from app.web.screens import BLUEPRINTS, SCREENS
from app.wiring import START_REFUSALS, build_house

DIST: Final = Path(__file__).resolve().parents[2] / "static" / "dist"


def create_app(house: House | None = None) -> Flask:
    """The application over this house, or over the one that the environment describes.

    Raises: SystemExit with one sentence when the environment's house is not in order.
    """
    if house is not None:
        return _application(house)
    try:
        settings = Settings.from_environment(os.environ)
        write_json_lines(settings.log_level)
        app = _application(build_house(settings))
    except START_REFUSALS as reason:
        raise SystemExit(f"patchbay: {reason}") from None
    hooks.keep_ready(app)
    return app


def _application(house: House) -> Flask:
    app = Flask("patchbay", static_folder=str(DIST), static_url_path="/static")
    app.extensions["patchbay"] = house
    app.extensions["patchbay.take_one"] = take_one
    if hops := house.settings.trusted_proxies:  # request.remote_addr is then what the outermost of them saw
        believing = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0)
        app.wsgi_app = believing  # type: ignore[method-assign]  # https://flask.palletsprojects.com/en/stable/deploying/proxy_fix/
    keep_guard(app)
    handle_errors(app)
    for module in (chat, chat_page, files, forms, hooks, pages, updates):
        app.register_blueprint(module.blueprint)
    needs = app.extensions[NEEDS] = {}
    for noun in NOUNS:
        app.register_blueprint(noun.blueprint)
        needs |= {f"{noun.blueprint.name}.{door.endpoint}": door.needs for door in noun.doors}
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for screens in SCREENS:
        app.register_blueprint(screens.blueprint)
        needs |= screens.needs
    return app
