"""Tells on standard error that a report is still being made, if that takes its time."""

import sys
import time

SILENT_SECONDS = 2.0


class QueryProgress:
    """Counts queries; says nothing for the first seconds, then a line every few."""

    def __init__(self) -> None:
        self._queries = 0
        self._told = time.monotonic()

    def __call__(self) -> None:
        self._queries += 1
        if time.monotonic() - self._told >= SILENT_SECONDS:
            self._told = time.monotonic()
            sys.stderr.write(f"asking Prometheus, query {self._queries}\n")
