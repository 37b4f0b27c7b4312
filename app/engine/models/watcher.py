"""Watches the store for new versions."""

import asyncio
import logging
from pathlib import Path

from watchfiles import awatch

from app.engine.models.registry import LocalRegistry

logger = logging.getLogger(__name__)

# A copy in progress raises many events: act after a step without any, but at the latest after the
# debounce, so that a long copy elsewhere in the store delays no other model.
QUIET_MILLISECONDS = 100
DEBOUNCE_MILLISECONDS = 500
# Network file systems raise no events for what other machines write, so rescan this often anyway.
RESCAN_MILLISECONDS = 5000
RETRY_SECONDS = 5.0


async def watch(registry: LocalRegistry, store: Path) -> None:
    """Rescan the store after every change, and at intervals, until cancelled.

    If the store disappears or cannot be watched, what serves goes on serving, and the watch is
    retried.
    """
    while True:
        try:
            changes = awatch(
                store,
                step=QUIET_MILLISECONDS,
                debounce=DEBOUNCE_MILLISECONDS,
                rust_timeout=RESCAN_MILLISECONDS,
                yield_on_timeout=True,
            )
            async for _ in changes:
                await registry.scan()
        except Exception:
            logger.exception("store cannot be followed, trying again", extra={"path": str(store)})
        await asyncio.sleep(RETRY_SECONDS)
