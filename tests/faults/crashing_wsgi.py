"""The web application as wsgi.py makes it, in a process that PATCHBAY_CRASH_AT can kill at a labelled place."""

from app.points import crash_from_environment
from wsgi import app

__all__ = ["app"]

crash_from_environment()
