"""Logs one line for each event: `time level event key=value ...`, or the same as JSON."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, Literal

_STANDARD = set(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}


def configure_logging(style: Literal["text", "json"], level: str, role: str | None = None) -> None:
    """Send every logger's events, uvicorn's too, to standard error in one style.

    Args:
        role: role of this process where there are several; events then have it and the pid.
    """
    handler = logging.StreamHandler(sys.stderr)
    if role is not None:

        def stamp(record: logging.LogRecord) -> bool:
            vars(record).update(role=role, pid=os.getpid())
            return True

        handler.addFilter(stamp)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn's start and stop lines repeat ours; its warnings and errors still appear.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def log_address(host: str, port: int) -> None:
    """Log the address of the service."""
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    logging.getLogger("app").info("listening", extra={"url": url, "docs": f"{url}/docs"})


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if record.exc_info:
        extra["traceback"] = logging.Formatter().formatException(record.exc_info)
    return extra


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class TextFormatter(logging.Formatter):
    """For people: values with blanks or line ends are quoted, so an event stays on its line."""

    def format(self, record: logging.LogRecord) -> str:
        pairs = (f"{key}={_quoted(value)}" for key, value in _fields(record).items())
        head = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}"
        return " ".join([head, *pairs])


class JsonFormatter(logging.Formatter):
    """For machines."""

    def format(self, record: logging.LogRecord) -> str:
        event = {"time": _time(record), "level": record.levelname.lower()}
        event |= {"event": record.getMessage()} | _fields(record)
        return json.dumps(event, default=str, ensure_ascii=False)


def _quoted(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else json.dumps(text)
