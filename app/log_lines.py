"""One JSON line per event on standard error, the same for structlog's loggers and the standard library's."""

import logging
import sys
from typing import Any

import orjson
import structlog

_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
_CHATTY = ("alembic", "rq", "urllib3", "werkzeug")


def write_json_lines(level: str = "info") -> None:
    """Sends this process's log lines from that level on to standard error as JSON; later calls change nothing."""
    root = logging.getLogger()
    if any(isinstance(handler, _OurHandler) for handler in root.handlers):
        return
    number = logging.getLevelNamesMapping()[level.upper()]
    # Written by structlog itself: by way of the standard library a line costs three times as much, at every request.
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=False,
    )
    handler = _OurHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda *given, **more: _json(*given, **more).decode()),
            ],
        )
    )
    root.addHandler(handler)
    root.setLevel(number)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _OurHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic only in the stubs of Python 3.11
    """Ours, so that it is not added twice."""


def _json(line: Any, **_: Any) -> bytes:
    return orjson.dumps(line, default=repr, option=orjson.OPT_SORT_KEYS)
