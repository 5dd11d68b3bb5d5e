"""The web application as wsgi.py makes it, in a process that PATCHBAY_CRASH_FILE can kill at a labelled place."""

from app.points import crash_as_told
from wsgi import app

__all__ = ["app"]

crash_as_told()
