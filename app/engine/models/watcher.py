"""Notices new versions in the store."""

import asyncio
import logging
from pathlib import Path

from watchfiles import awatch

from app.engine.models.registry import LocalRegistry

logger = logging.getLogger(__name__)

# A copy in progress raises many events: act once it has been quiet for the step, but not later than
# the debounce, so that a long copy elsewhere in the store delays nobody.
QUIET_MILLISECONDS = 100
DEBOUNCE_MILLISECONDS = 500
# Network file systems raise no events for what other machines write, so look now and then anyway.
RESCAN_MILLISECONDS = 5000
RETRY_SECONDS = 5.0


async def watch(registry: LocalRegistry, store: Path) -> None:
    """Rescan the store whenever something in it changes, and now and then, until cancelled.

    If the store goes away or cannot be watched, what serves serves on, and it is tried again.
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
