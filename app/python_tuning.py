"""Settings of the process that suit a server with busy threads beside its event loop."""

import gc
import os
import sys

# An executor that comes back from the runtime needs the GIL for microseconds; with Python's own
# 5 ms its core would stand idle that long whenever the event loop is busy.
SWITCH_SECONDS = 0.0005
# Requests leave few cycles behind, so looking for them rarely costs little memory. With Python's
# own 700 the collector took an eighth of the event loop's time.
YOUNG_OBJECTS = 20_000


def tune() -> None:
    """Let threads take turns quickly, collect cycles rarely, and start no threads for one text."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


def freeze_loaded() -> None:
    """Take all that lives now (modules, models) out of the collector's sight for good."""
    gc.collect()
    gc.freeze()
