"""The house in which a request is answered."""

from flask import current_app

from app.house import House


def this_house() -> House:
    """That of the application which answers now."""
    house: House = current_app.extensions["patchbay"]
    return house
