"""Background tasks whose death is seen, and threads that hold up nothing else."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar, cast

logger = logging.getLogger(__name__)

T = TypeVar("T")
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


async def in_thread(work: Callable[[], T], seconds: float, name: str) -> T:
    """Run work on a thread of its own, which holds up neither other work nor the process's end.

    Args:
        name: says in the error what was to be done.

    Raises:
        TimeoutError: it has not ended in time; the thread is left alone.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast(T, result))

    todo = [work]

    def run() -> None:
        result, error = None, None
        try:
            result = todo.pop()()  # and nothing of it is held once its result is known
        except Exception as exc:
            error = exc
        except BaseException as exc:  # a panic in a library written in Rust
            error = RuntimeError(f"{name} ended with {exc!r}")
            error.__cause__ = exc
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done
    except TimeoutError:
        raise TimeoutError(f"{name} has not ended after {seconds:g} s") from None
