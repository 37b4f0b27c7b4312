"""Measures how a bucket is followed; there only with one."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge


class MirrorMetrics:
    """Age and failures of the mirror."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._synced = time.monotonic()
        age = Gauge(
            "classmark_store_sync_age_seconds",
            "Since the cache was last known to be what the bucket wants, or since the start.",
            registry=registry,
        )
        age.set_function(lambda: time.monotonic() - self._synced)
        self.failures = Counter(
            "classmark_store_sync_failures",
            "Looks at the bucket that left something undone: unreachable, refused (a damaged or "
            "missing version), disk.",
            ["reason"],
            registry=registry,
        )
        self.fetched_bytes = Counter(
            "classmark_store_fetched_bytes",
            "Bytes of versions fetched from the bucket.",
            registry=registry,
        )
        for reason in ("unreachable", "refused", "disk"):
            self.failures.labels(reason)

    def note_synced(self) -> None:
        self._synced = time.monotonic()
