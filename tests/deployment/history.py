"""A day that is past, for a Prometheus that has just begun."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

HOUR = 3600


class Past(NamedTuple):
    """A series as it was: its first value, and what each hour added to it."""

    value: float
    added: float = 0.0


def write_history(folder: Path, series: Mapping[str, Past]) -> None:
    """Store a sample of each series at every hour of the day before the last hour.

    Args:
        folder: of a Prometheus that does not run yet.
        series: by what they are called, as in `name{label="value"}`.
    """
    last = int(time.time()) // HOUR * HOUR - HOUR
    hours = range(last - 23 * HOUR, last + 1, HOUR)
    lines = [
        f"{name} {past.value + number * past.added} {at}"
        for name, past in series.items()
        for number, at in enumerate(hours)
    ]
    text = folder / "history.txt"
    text.write_text("\n".join([*lines, "# EOF", ""]))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text)]
    made = subprocess.run([*command, str(folder / "data")], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
