"""Background tasks whose death is seen: an error in one is logged and told, never lost."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

OnDeath = Callable[[str], None]
_running: set[asyncio.Task[None]] = set()  # the event loop holds tasks by weak references alone


def start_task(work: Coroutine[Any, Any, None], name: str, on_death: OnDeath) -> asyncio.Task[None]:
    """Start a task that nobody awaits.

    Args:
        name: says in the log what the task does, as in "following the model store".
        on_death: called with a sentence if the task ends by an error; not if it is cancelled.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)

    def ended(_: asyncio.Task[None]) -> None:
        _running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.critical("background task died", extra={"task": name}, exc_info=error)
            on_death(f"{name} ended with {type(error).__name__}; see the log, and restart")

    task.add_done_callback(ended)
    return task
