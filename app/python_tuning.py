"""Tunes the Python process for a server with busy threads beside its event loop."""

import gc
import os
import sys

# An executor that comes back from the runtime needs the GIL for microseconds; with Python's
# default of 5 ms its core would be idle that long whenever the event loop is busy.
SWITCH_SECONDS = 0.0005
# Requests leave few cycles behind, so rare collections cost little memory. With Python's default of
# 700 the collector took an eighth of the event loop's time.
YOUNG_OBJECTS = 20_000


def tune() -> None:
    """Let threads take turns quickly, collect cycles rarely, and start no threads for one text."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


def freeze_loaded() -> None:
    """Exclude all current objects (modules, models) from garbage collection for good."""
    gc.collect()
    gc.freeze()
