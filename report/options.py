"""What a report is asked for: of which Prometheus, and which span of time."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from offline.command import DEBUG
from report.errors import ReportError

POINTS = 240  # of a curve: as many as a page's width shows


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, in UTC."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        return round((self.end - self.start).total_seconds())

    @property
    def step(self) -> int:
        """Return the seconds between two points of a curve."""
        return max(1, -(-self.seconds // POINTS))

    def window(self, least: int) -> str:
        """Return the duration that one point sums up: no gaps, and not too few samples."""
        return f"{max(self.step, least)}s"


@dataclass(frozen=True, slots=True)
class Options:
    """The addresses have a scheme and a host; `service` may be absent."""

    prometheus: str
    service: str | None
    key: str | None
    span: Span
    out: Path


def read_options(given: Sequence[str], now: datetime | None = None) -> Options:
    """Parse a command line; raise ReportError for values that cannot be meant."""
    options = _parser().parse_args(given)
    now = now or datetime.now(UTC)
    if options.day:
        span = _day(options.day, now)
    else:
        span = Span(now - timedelta(hours=options.hours), now)
    if not options.out.parent.is_dir():
        raise ReportError(f"--out {options.out}: there is no folder {options.out.parent}; make it")
    service = _address("--service", options.service) if options.service else None
    return Options(
        _address("--prometheus", options.prometheus), service, options.key, span, options.out
    )


def _parser() -> argparse.ArgumentParser:
    cli = argparse.ArgumentParser(
        prog="classmark report",
        description="Write what Prometheus recorded of a service as one HTML file: volume, topics, "
        "sentiment, alerts, labels, availability, latency.",
    )
    cli.add_argument("--prometheus", required=True, metavar="URL", help="http://host:9090")
    span = cli.add_mutually_exclusive_group()
    span.add_argument("--day", metavar="YYYY-MM-DD", help="a day in UTC; today's until now")
    span.add_argument("--hours", type=_hours, default=24.0, help="the last hours (24)")
    cli.add_argument("--service", metavar="URL", help="ask it who is named in negative texts")
    cli.add_argument("--key", help="the service's API key")
    cli.add_argument("--out", type=Path, default=Path("report.html"), help="(%(default)s)")
    cli.add_argument(DEBUG, action="store_true", help="show an error's traceback")
    return cli


def _hours(given: str) -> float:
    hours = float(given)
    if not 0 < hours <= 24 * 366:
        raise argparse.ArgumentTypeError(f"{given} is not over 0 and up to {24 * 366}")
    return hours


def _day(given: str, now: datetime) -> Span:
    try:
        start = datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ReportError(f"--day {given!r} is no day; write it like {now:%Y-%m-%d}") from None
    if start >= now:
        raise ReportError(f"--day {given} has not begun; in UTC it is {now:%Y-%m-%d %H:%M}")
    return Span(start, min(now, start + timedelta(days=1)))


def _address(option: str, given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ReportError(f"{option} {given!r} is no address; write it like http://127.0.0.1:9090")
    return given.rstrip("/")
