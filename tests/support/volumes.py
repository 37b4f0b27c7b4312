"""Volumes made of links, changed as those who make them change them."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path


def swap_link(link: Path, target: str) -> str | None:
    """Let a link lead elsewhere, in one step; return where it led before."""
    before = os.readlink(link) if link.is_symlink() else None
    draft = link.with_name(f"{link.name}_tmp")
    draft.symlink_to(target)
    draft.rename(link)
    return before


def sync_git(link: Path, commit: str, models: Sequence[Path], *, keep: bool = False) -> None:
    """Check out a commit that holds these model folders, as git-sync does.

    Args:
        link: the store; it leads to a folder of its own for each commit.
        keep: leave the folder of the commit before.
    """
    for model in models:
        shutil.copytree(model, link.parent / ".worktrees" / commit / model.name)
    before = swap_link(link, f".worktrees/{commit}")
    if before and not keep:
        shutil.rmtree(link.parent / before)


def mount_config_map(folder: Path, stamp: str, files: Path, *, keep: bool = False) -> None:
    """Fill a folder as Kubernetes fills the volume of a ConfigMap or a Secret, or change it.

    Args:
        keep: leave the files of before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(files, folder / f"..{stamp}")
    before = swap_link(folder / "..data", f"..{stamp}")
    for file in files.iterdir():
        if not (folder / file.name).is_symlink():
            (folder / file.name).symlink_to(f"..data/{file.name}")
    if before and not keep:
        shutil.rmtree(folder / before)
