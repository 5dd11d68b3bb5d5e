"""One JSON line per event on standard error, the same for structlog's loggers and the standard library's."""

import logging
import sys

import structlog

_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def write_json_lines(level: str = "INFO") -> None:
    """Sends all log lines of this process to standard error as JSON; later calls change nothing."""
    root = logging.getLogger()
    if any(getattr(handler, "is_ours", False) for handler in root.handlers):
        return
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _OurHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True),
            ],
        )
    )
    root.addHandler(handler)
    root.setLevel(level)
    for chatty in ("alembic", "rq", "urllib3", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class _OurHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic only in the stubs of Python 3.11
    is_ours = True
