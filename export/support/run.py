"""Every family in turn, with progress, and the page at the end."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console

from app.bundle import Task
from export.bundle.manifest import tool_versions
from export.progress import Progress
from export.support.families import Family, choose_families
from export.support.page import render, write_page
from export.support.trial import Trial, try_family


def write_support(names: Iterable[str], out: Path | None) -> int:
    """Try the named families, or all, and write the page; return the exit code.

    Raises:
        ExportError: a family that is not known, or a page that cannot be written.
    """
    families = choose_families(names)
    progress = Progress(Console(stderr=True))  # standard output is for the page
    section = render(_try_all(families, progress), tool_versions())
    if out is None:
        sys.stdout.write(section)
    else:
        write_page(out, section)
        progress.line(f"Wrote {out}")
    return 0


def _try_all(families: Sequence[Family], progress: Progress) -> list[Trial]:
    trials: list[Trial] = []
    for family in families:
        for task in get_args(Task):
            with progress.step(f"{family.name}, {task}"):
                tried = try_family(family, task)
                progress.found(", ".join(map(_brief, tried)))
            trials += tried
    return trials


def _brief(trial: Trial) -> str:
    if trial.measured is None:
        return f"{trial.precision} no: {trial.reason}"
    return f"{trial.precision} {trial.measured.parity.agreement:.4f}"
