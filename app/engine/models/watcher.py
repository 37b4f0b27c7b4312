"""Rescans the store after every change, and at intervals whatever becomes of the watch."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from watchfiles import awatch

from app.engine.models.registry import LocalRegistry

logger = logging.getLogger(__name__)

# A copy in progress raises many events: act after a step without any, but at the latest after the
# debounce, so that a long copy elsewhere in the store delays no other model.
QUIET_MILLISECONDS = 100
DEBOUNCE_MILLISECONDS = 500
# Network file systems raise no events for what other machines write, so rescan this often anyway.
RESCAN_SECONDS = 5.0


async def watch(registry: LocalRegistry, store: Path) -> None:
    """Rescan until cancelled; what serves goes on serving if the store disappears."""
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_notice_changes(store, changed))
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), RESCAN_SECONDS)
            changed.clear()
            await registry.scan(RESCAN_SECONDS)


async def _notice_changes(store: Path, changed: asyncio.Event) -> None:
    """Set the event after each change; where nothing can be watched, say so once and try again."""
    said = ""
    while True:
        try:
            changes = awatch(
                store,
                step=QUIET_MILLISECONDS,
                debounce=DEBOUNCE_MILLISECONDS,
                ignore_permission_denied=True,
            )
            async for _ in changes:
                said = ""
                changed.set()
        except Exception as exc:
            if str(exc) != said:
                said = str(exc)
                extra = {"path": str(store), "reason": said, "rescan_seconds": RESCAN_SECONDS}
                logger.warning("changes of the store are not noticed at once", extra=extra)
        await asyncio.sleep(RESCAN_SECONDS)
