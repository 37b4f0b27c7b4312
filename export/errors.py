"""Define the errors of export, beside those of its data files, as one tree.

ExportError            exit code 2
├── CheckpointRefused  the checkpoint cannot be exported
├── StoreError         a name, version or folder of the store cannot be used
├── PackingRefused     no packed graph can be built from the checkpoint
└── GateFailed         exit code 1: answers differ from the checkpoint's by more than the tolerance
"""

from pathlib import Path

from offline.errors import OfflineError


class ExportError(OfflineError):
    """A failure that its message explains: what was found, what would work."""


class CheckpointRefused(ExportError):
    """A checkpoint that cannot be exported."""

    def __init__(self, path: Path, found: str, remedy: str) -> None:
        super().__init__(f"{path}: {found}; {remedy}")


class StoreError(ExportError):
    """A name, version or folder of the store that cannot be used."""


class PackingRefused(ExportError):
    """A checkpoint without a packed graph; its padded graphs can still be exported."""


class GateFailed(ExportError):
    """Figures outside their tolerance: nothing is written."""

    exit_code = 1
