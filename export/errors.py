"""Define the errors of export as one tree; each message is one line that explains it all.

ExportError            exit code 2
├── CheckpointRefused  the checkpoint cannot be exported
├── DataError          a line of the evaluation file cannot be used
├── StoreError         a name, version or folder of the store cannot be used
├── PackingRefused     no packed graph can be built from the checkpoint
└── GateFailed         exit code 1: answers differ from the checkpoint's by more than the tolerance
"""

from pathlib import Path


class ExportError(Exception):
    """A failure that its message explains: what was found, what would work."""

    exit_code = 2


class CheckpointRefused(ExportError):
    """A checkpoint that cannot be exported."""

    def __init__(self, path: Path, found: str, remedy: str) -> None:
        super().__init__(f"{path}: {found}; {remedy}")


class DataError(ExportError):
    """A line of an evaluation file that cannot be used."""

    def __init__(self, file: Path, line: int, problem: str) -> None:
        super().__init__(f"{file}, line {line}: {problem}")


class StoreError(ExportError):
    """A name, version or folder of the store that cannot be used."""


class PackingRefused(ExportError):
    """A checkpoint without a packed graph; its padded graphs can still be exported."""


class GateFailed(ExportError):
    """Figures outside their tolerance: nothing is written."""

    exit_code = 1
