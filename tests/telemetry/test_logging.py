"""Log lines on stdout."""

import logging
from collections.abc import Iterator

import msgspec
import pytest
import structlog

from app.telemetry.logging import configure_logging

Capture = pytest.CaptureFixture[str]

THEIRS = ["", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "asyncio"]


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Logging is of the whole process: put back what was there."""
    loggers = [logging.getLogger(name) for name in THEIRS]
    before = [(each.handlers[:], each.level, each.propagate, each.disabled) for each in loggers]
    yield
    structlog.reset_defaults()
    for each, state in zip(loggers, before, strict=True):
        each.handlers, each.level, each.propagate, each.disabled = state
        each.manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001


def _lines(capsys: Capture) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("fmt", ["json", "auto"])
def test_json(capsys: Capture, fmt: str) -> None:
    """Where stdout is no terminal, a line is one JSON object with its time in UTC."""
    configure_logging(fmt=fmt, level="info")  # type: ignore[arg-type]
    structlog.get_logger().info("request_served", status=200, odd={1}, zeit="größe")

    (line,) = _lines(capsys)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "request_served",
        "level": "info",
        "status": 200,
        "odd": [1],
        "zeit": "größe",
    }


def test_many_lines(capsys: Capture) -> None:
    """Lines made elsewhere go to the same place, in whole."""
    write = configure_logging(fmt="json", level="info")
    assert write is not None
    write(b'{"a":1}\n{"b":2}\n')

    assert _lines(capsys) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(("fmt", "level"), [("console", "info"), ("json", "warning")])
def test_no_lines_at_once(fmt: str, level: str) -> None:
    """Where lines look otherwise, or are not wanted, they go through the log."""
    assert configure_logging(fmt=fmt, level=level) is None  # type: ignore[arg-type]


def test_unknown_value(capsys: Capture) -> None:
    """A value that JSON does not know is its text, never a lost line."""
    configure_logging(fmt="json", level="info")
    structlog.get_logger().info("odd", error=ValueError("why"))

    assert _lines(capsys)[0]["error"] == "why"


def test_console(capsys: Capture) -> None:
    """On a console a line is for people."""
    configure_logging(fmt="console", level="info")
    structlog.get_logger().info("started", port=8080)

    text = capsys.readouterr().out
    assert "started" in text
    assert not text.startswith("{")


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_traceback(capsys: Capture, fmt: str) -> None:
    """A traceback names files and lines, and holds no value of a local variable."""
    configure_logging(fmt=fmt, level="info")  # type: ignore[arg-type]
    secret = "s3cr" + "et"
    try:
        _ = len(secret) / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("crashed")

    text = capsys.readouterr().out
    assert "ZeroDivisionError: division by zero" in text
    assert "s3cret" not in text


def test_level(capsys: Capture) -> None:
    """What is below the level is not written, ours and theirs alike."""
    configure_logging(fmt="json", level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    structlog.get_logger().warning("loud")

    assert [line["event"] for line in _lines(capsys)] == ["loud"]


def test_libraries(capsys: Capture) -> None:
    """The libraries' lines have our form and say where they come from."""
    configure_logging(fmt="json", level="info")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request from %d", 7)

    (line,) = _lines(capsys)
    assert (line["event"], line["logger"]) == ("Invalid HTTP request from 7", "uvicorn.error")


def test_libraries_on_console(capsys: Capture) -> None:
    """On a console the libraries' lines are for people too."""
    configure_logging(fmt="console", level="info")
    logging.getLogger("uvicorn.error").warning("Odd")

    assert "Odd" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["uvicorn.access", "uvicorn.error", "httpx"])
def test_silenced(capsys: Capture, name: str) -> None:
    """Lines that would repeat ours, or tell whole addresses, are not written."""
    configure_logging(fmt="json", level="info")
    logging.getLogger(name).info("GET http://platform/?secret=1")

    assert _lines(capsys) == []
