"""Reading files of all kinds, and what is said meanwhile."""

from pathlib import Path
from typing import Any

import pytest

from offline.readers.files import read_file
from offline.readers.layout import Layout


class Reading:
    """Reads files; keeps what the reader noticed."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def texts(self, path: Path, *required: str, **layout: Any) -> tuple[Any, ...]:
        return self._read(path, "sequence-classification", required, layout)

    def entities(self, path: Path, **layout: Any) -> tuple[Any, ...]:
        return self._read(path, "token-classification", (), layout)

    def _read(self, path: Path, task: Any, required: Any, layout: Any) -> tuple[Any, ...]:
        return read_file(
            path,
            task,
            lambda _, row: row,
            self.notices.append,
            layout=Layout(**layout),
            required=required or ("text",),
        )


@pytest.fixture
def reading() -> Reading:
    return Reading()
