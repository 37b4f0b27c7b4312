"""Texts and labels in rows: what is one, and how a wrong one is shown."""

from typing import Any

from offline.readers.lines import Place

# Characters of a wrong value that an error repeats.
SHOWN = 60


def read_words(value: Any, at: Place, column: str) -> str:
    """Return a text that is not blank and that UTF-8 can hold."""
    if not isinstance(value, str) or not value.strip():
        problem = f"{show(value)} is not a text with at least one character"
        raise at.error(f"{problem}; fill it in or drop the row", column)
    return _whole(value, at, column)


def read_label(value: Any, at: Place, column: str) -> str:
    """Return a label without blanks around it; a whole number is one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        problem = f"{show(value)} is not a label; give every row a word or a whole number"
        raise at.error(problem, column)
    return _whole(value.strip(), at, column)


def show(value: Any) -> str:
    """Return a value as an error may repeat it: on one line, and short."""
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _whole(value: str, at: Place, column: str) -> str:
    """Refuse half of a surrogate pair, which JSON can write and no encoding can."""
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        found = f"U+{ord(value[exc.start]):04X} at character {exc.start + 1}"
        problem = f"{found} is half of a surrogate pair, which is no character"
        raise at.error(f"{problem}; mend it or drop the row", column) from exc
    return value
