"""Tunes the Python process for a server with busy threads beside its event loop."""

import ctypes
import gc
import os
import sys

# An executor that comes back from the runtime needs the GIL for microseconds; with Python's
# default of 5 ms its core would be idle that long whenever the event loop is busy.
SWITCH_SECONDS = 0.0005
# Requests leave few cycles behind, so rare collections cost little memory. With Python's default of
# 700 the collector took an eighth of the event loop's time.
YOUNG_OBJECTS = 20_000
# glibc's own default to begin with: it maps blocks of at least this size, and unmaps them when they
# are freed. But with each one freed it raises the limit, up to 32 MB. Then weights lie in its heap,
# and the holes that models leave there when they are reloaded are not given back.
MAPPED_BLOCK_BYTES = 128 * 1024
# Free memory that glibc may keep at the end of its heap: requests come and go there.
KEPT_HEAP_BYTES = 4 * 1024 * 1024
# Names of <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def tune() -> None:
    """Let threads take turns quickly, collect cycles rarely, give the memory of old models back.

    And no threads start for the encoding of one text.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    _give_back_large_blocks()


def freeze_loaded() -> None:
    """Exclude all current objects (modules, models) from garbage collection for good."""
    gc.collect()
    gc.freeze()


def _give_back_large_blocks() -> None:
    """Let glibc return large blocks to the system when they are freed; others are left alone."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, MAPPED_BLOCK_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_HEAP_BYTES)
