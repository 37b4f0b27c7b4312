"""Notices new versions in the store."""

import logging
from pathlib import Path

from watchfiles import awatch

from app.engine.registry import Registry

logger = logging.getLogger(__name__)

# A copy in progress raises many events: act once it has been quiet for the step, but not later than
# the debounce, so that a long copy elsewhere in the store delays nobody.
QUIET_MILLISECONDS = 100
DEBOUNCE_MILLISECONDS = 500


async def watch(registry: Registry, store: Path) -> None:
    """Rescan the store whenever something in it changes, until cancelled."""
    changes = awatch(store, step=QUIET_MILLISECONDS, debounce=DEBOUNCE_MILLISECONDS)
    async for _ in changes:
        try:
            await registry.scan()
        except OSError as exc:  # the store itself is gone or unreadable; what serves, serves on
            logger.error("store cannot be read", extra={"path": str(store), "reason": str(exc)})
