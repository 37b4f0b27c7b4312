"""Asks the model store, which may hang, without waiting for ever."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.background import in_thread

T = TypeVar("T")

# How long the store may take to answer one question.
LOOK_SECONDS = 10.0


class StoreReader:
    """A model store on a file system that may be another machine's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def ask(self, question: Callable[..., T], *arguments: object) -> T:
        """Return what a function of `app.store` says of this store.

        Raises:
            TimeoutError: it has not answered in time; its thread is left behind.
        """
        name = f"{question.__name__} of {self.path}"
        return await in_thread(partial(question, self.path, *arguments), LOOK_SECONDS, name)
