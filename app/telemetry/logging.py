"""Log lines on stdout: JSON for machines, colour for a terminal."""

import logging
import sys
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import EventDict, Processor

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

# Their own levels: httpx writes a line per call with the full address, uvicorn tells of its start
# and end, which our own lines do.
_QUIET = ("asyncio", "httpcore", "httpx", "uvicorn.error")


def configure_logging(*, fmt: LogFormat, level: LogLevel) -> Callable[[bytes], None] | None:
    """Send every line of the process to stdout, the libraries' own lines too.

    `auto` is colour on a terminal and JSON elsewhere. Times are RFC 3339 in UTC. Tracebacks hold no
    values of local variables. Start uvicorn with `log_config=None, access_log=False`.

    Returns what writes whole lines of JSON at once, or None where lines of weight `info` have
    another form or are not written.
    """
    console = fmt == "console" or (fmt == "auto" and sys.stdout.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not console:
        shared.append(structlog.processors.format_exc_info)
    render: Processor = _console() if console else _json
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=(
            structlog.PrintLoggerFactory(sys.stdout)
            if console
            else structlog.BytesLoggerFactory(sys.stdout.buffer)
        ),
        cache_logger_on_first_use=True,
    )
    _adopt_stdlib(shared, render if console else _json_text, threshold)
    return None if console or threshold > logging.INFO else _write_out


def _write_out(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _json(_logger: Any, _method: str, event: EventDict) -> bytes:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return msgspec.json.encode({**first, **event}, enc_hook=str)


def _json_text(logger: Any, method: str, event: EventDict) -> str:
    return _json(logger, method, event).decode()


def _adopt_stdlib(
    shared: list[Processor], render: Callable[[Any, str, EventDict], Any], threshold: int
) -> None:
    """Give the libraries that speak to `logging` our form, and silence what repeats our lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, threshold))
