"""A day that is past, for a Prometheus that has just begun."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

HOUR = 3600


def write_history(folder: Path, series: Mapping[str, float]) -> None:
    """Store a sample of each series at every hour of the day before the last hour.

    Args:
        folder: of a Prometheus that does not run yet.
        series: values by what the series is called, as in `name{label="value"}`.
    """
    last = int(time.time()) // HOUR * HOUR - HOUR
    hours = range(last - 23 * HOUR, last + 1, HOUR)
    lines = [f"{name} {value} {at}" for name, value in series.items() for at in hours]
    text = folder / "history.txt"
    text.write_text("\n".join([*lines, "# EOF", ""]))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text)]
    made = subprocess.run([*command, str(folder / "data")], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
