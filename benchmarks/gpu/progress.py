"""Progress lines, on standard error: standard output is for what was asked for."""

import sys
import time

STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds so far."""
    sys.stderr.write(f"{time.monotonic() - STARTED:6.0f} s  {text}\n")
    sys.stderr.flush()
