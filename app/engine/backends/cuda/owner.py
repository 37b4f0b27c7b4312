"""Runs all work of a device on one thread: CUDA graphs belong to the thread that captured them."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from app.engine.backends.cuda.device import Device

logger = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[], None]


class OwnerDied(RuntimeError):
    """The device's thread died during a run; a new one has taken its place."""


class Owner:
    """A thread that makes a device, runs what other threads ask of it, and frees it at the end.

    If it dies, the caller of the current run gets OwnerDied. Another thread takes its place and
    runs everything queued eagerly.

    Args:
        make: makes the device; called on the thread.

    Raises:
        Exception: whatever `make` raised.
    """

    def __init__(self, make: Callable[[], Device]) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._device: Device | None = None
        self._closed = False
        self._thread = self._start(self._serve)
        try:
            self._hand_over(lambda: self._open(make))
        except Exception:
            self.close()
            raise

    def call(self, work: Callable[[Device], T]) -> T:
        """Run `work` with the device on its thread; return its result or raise its error."""
        return self._hand_over(lambda: work(self._opened()))

    def close(self) -> None:
        """Let the thread run what is queued, free the device, and end; does not wait for that.

        It takes no lock, so it can be called wherever the last reference is dropped.
        """
        self._closed = True
        self._jobs.put(None)

    def join(self) -> None:
        """Wait until the thread has ended; only after `close`."""
        while (thread := self._thread).is_alive():  # or its replacement
            thread.join()

    def _open(self, make: Callable[[], Device]) -> None:
        self._device = make()

    def _opened(self) -> Device:
        assert self._device is not None  # it was made before any call
        return self._device

    def _hand_over(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise RuntimeError("the device is closed; load the model again")
        future: Future[T] = Future()
        self._jobs.put(partial(_settle, future, work))
        try:
            return future.result()
        finally:
            del future  # its error would otherwise keep it alive through this frame

    def _start(self, serve: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(
            target=self._guard, args=(serve,), name="cuda-device", daemon=True
        )
        thread.start()
        return thread

    def _guard(self, serve: Callable[[], None]) -> None:
        try:
            serve()
        except BaseException:
            logger.exception("device thread died and is replaced; everything runs eagerly now")
            self._thread = self._start(self._serve_after_death)

    def _serve_after_death(self) -> None:
        if self._device is not None:
            self._device.forget_graphs()
        self._serve()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            finally:
                del job  # or it would keep its batch alive until the next job
        device, self._device = self._device, None
        try:
            if device is not None:
                device.close()
        except Exception:
            logger.exception("device cannot be closed; its memory may stay taken")


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except Exception as exc:
        future.set_exception(exc)
    except BaseException as exc:
        future.set_exception(
            OwnerDied(
                f"the device's thread died of {type(exc).__name__} under this run; a new one has "
                "taken its place and runs everything eagerly, so send it again; reload the model "
                "to have it captured anew"
            )
        )
        raise
    finally:
        del future, work  # or they and the exception's frames would keep each other alive
