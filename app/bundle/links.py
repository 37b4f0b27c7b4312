"""Follows symbolic links inside a model store, and none that lead out of it.

Volumes of Kubernetes and git-sync are made of them: `name -> ..data/name`, `..data -> ..2026`.
The store itself may be a link: then the limit is where it leads at that moment.
"""

import errno
import os
from pathlib import Path

from app.errors import DamagedBundle


def follow(path: Path, store: Path) -> Path:
    """Return where a path below a store really is; it need not exist.

    Raises:
        DamagedBundle: a link on the way leads out of the store, or in a circle.
    """
    limit = Path(os.path.realpath(store))
    try:
        real = Path(os.path.realpath(path, strict=True))
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise DamagedBundle(
                f"{path} is reached by links that lead in a circle; let them lead to a file or "
                f"folder inside {limit}"
            ) from exc
        real = Path(os.path.realpath(path))
    if Path(os.path.realpath(store)) != limit:  # swapped meanwhile: of what is there now
        return follow(path, store)
    if not real.is_relative_to(limit):
        link = _leading_out(path, store, limit)
        raise DamagedBundle(
            f"{link} is a link to {os.path.realpath(link)}, outside the model store {limit}: copy "
            "what it leads to into the store, or set CLASSMARK_MODEL_STORE to a folder that holds "
            "both"
        )
    return real


def _leading_out(path: Path, store: Path, limit: Path) -> Path:
    """Return the first part of a path below the store that is a link out of it."""
    at = store
    for name in path.relative_to(store).parts:
        at = at / name
        if at.is_symlink() and not Path(os.path.realpath(at)).is_relative_to(limit):
            break
    return at
