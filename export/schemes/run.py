"""Every checkpoint in turn, with progress, and the page at the end."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from export.bundle.manifest import tool_versions
from export.errors import ExportError
from export.progress import Progress
from export.schemes.machine import describe_machine
from export.schemes.page import SECTION, render
from export.schemes.results import ModelTrials
from export.schemes.trial import try_model
from export.sections import write_section


def write_schemes(checkpoints: Sequence[Path], texts: int | None, out: Path | None) -> int:
    """Measure every scheme on the checkpoints and write the section; return the exit code.

    Args:
        texts: of each checkpoint, on which int8 is measured; None for all.

    Raises:
        ExportError: texts below 1, a checkpoint that cannot be exported, or a page that cannot be
            written.
    """
    if texts is not None and texts < 1:
        raise ExportError(f"--texts {texts}: at least 1 is needed")
    progress = Progress(Console(stderr=True))  # standard output is for the page
    models = [_try_in_scratch(path, texts, progress) for path in checkpoints]
    section = render(models, describe_machine(), tool_versions())
    if out is None:
        sys.stdout.write(section)
    else:
        write_section(out, SECTION, section)
        progress.line(f"Wrote {out}")
    return 0


def _try_in_scratch(path: Path, texts: int | None, progress: Progress) -> ModelTrials:
    with TemporaryDirectory(prefix="classmark-schemes-") as scratch:
        return try_model(path, texts, Path(scratch), progress)
