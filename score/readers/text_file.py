"""Opens a text file in any encoding; bytes that it does not have become marks in their row."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from score.errors import ScoreError
from score.options import Columns

# Half a surrogate pair: no encoding gives it, and no text may hold it.
MARK = "\udcff"
_MARKING = "classmark-mark"


class TextFile:
    """A file, and how much of it was read.

    Args:
        encoding: any text encoding of Python; a byte order mark of UTF-8 is left out.

    Raises:
        ScoreError: there is no such encoding.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self._raw: BufferedReader | None = None
        self._bytes = 1
        codecs.register_error(_MARKING, _mark)
        try:
            b"a".decode(encoding, "replace")
            name = codecs.lookup(encoding).name
        except (LookupError, UnicodeError) as exc:
            raise ScoreError(
                f"--encoding {encoding}: {exc}; name one of Python's text encodings, such as "
                "utf-8, cp1252 or gb18030"
            ) from exc
        self._encoding = "utf-8-sig" if name == "utf-8" else name

    @property
    def share(self) -> float:
        """Share of the file that was read, as far as it is open."""
        return 0.0 if self._raw is None else min(1.0, self._raw.tell() / self._bytes)

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """Open it; raise ScoreError for what the system, or the encoding, does not allow."""
        try:
            self._bytes = max(1, self.path.stat().st_size)
            with self.path.open("rb") as self._raw:
                yield TextIOWrapper(self._raw, self._encoding, _MARKING, newline="")
        except (OSError, UnicodeError) as exc:
            raise ScoreError(f"{self.path} cannot be read: {exc}") from exc
        finally:
            self._raw = None


class TextReader:
    """Reads rows of a text file, whose ids are text; each format says how."""

    id_type = pa.string()

    def __init__(self, file: TextFile, columns: Columns) -> None:
        self._file = file
        self._columns = columns

    @property
    def share(self) -> float:
        return self._file.share


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # only files are decoded with it
    return MARK, error.end
