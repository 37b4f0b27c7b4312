"""Reads a model store: its models, their versions, and the desired version of each.

<store>/<name>/<version>/...    bundles; a version is a positive integer
<store>/<name>/desired-version  a number, if the model is pinned; else the newest is wanted
"""

import errno
import os
import re
import stat
from pathlib import Path

from app.bundle.bundle import MANIFEST, refuse_checkpoint
from app.bundle.links import follow
from app.bundle.manifest import NAME_PATTERN
from app.errors import BundleError, IncompleteBundle

DESIRED_VERSION = "desired-version"
VERSION_PATTERN = re.compile(r"[1-9][0-9]{0,8}")


def check_store(store: Path) -> None:
    """Raise ValueError if there is no such folder."""
    if not store.is_dir():
        raise ValueError(
            f"the model store {store} is not a folder; make the demo models with `make models`, "
            "or set CLASSMARK_MODEL_STORE"
        )


def list_models(store: Path) -> list[str]:
    """Return the names of the model folders in a store."""
    if not store.is_dir():
        return []
    return sorted(p.name for p in store.iterdir() if _leads(p) and re.match(NAME_PATTERN, p.name))


def _leads(path: Path) -> bool:
    """Tell whether this is a folder, or a link whose target, not there yet, may become one."""
    return path.is_dir() or (path.is_symlink() and not path.exists())


def list_skipped(store: Path) -> list[str]:
    """Return the folders that look like models or versions and are named like neither."""
    models = [p for p in store.iterdir() if p.is_dir() and not p.name.startswith(".")]
    skipped = [p.name for p in models if not re.match(NAME_PATTERN, p.name)]
    for model in models:
        if model.name not in skipped and os.access(model, os.R_OK | os.X_OK):
            versions = (p.name for p in model.iterdir() if (p / MANIFEST).exists())
            skipped += [f"{model.name}/{n}" for n in versions if not VERSION_PATTERN.fullmatch(n)]
    return sorted(skipped)


def list_versions(store: Path, name: str) -> list[int]:
    """Return the version folders of a model, newest first; other folders are ignored.

    Raises:
        BundleError: the folder cannot be listed, or is a link out of the store or to nothing.
    """
    folder = store / name
    real = follow(folder, store)
    try:
        found = [p.name for p in real.iterdir() if _leads(p)]
    except FileNotFoundError as exc:
        if folder.is_symlink():
            raise IncompleteBundle(
                f"{folder} is a link to {real}, where nothing is: put a folder there, or remove it"
            ) from exc
        return []
    except OSError as exc:
        raise BundleError(
            f"{folder} cannot be listed ({exc.strerror}); let this user read it"
        ) from exc
    return sorted((int(n) for n in found if VERSION_PATTERN.fullmatch(n)), reverse=True)


def check_model(store: Path, name: str) -> None:
    """Raise BundleError if a model's folder, where versions should be, is a checkpoint."""
    refuse_checkpoint(store / name, name)


def read_desired_version(store: Path, name: str) -> int | None:
    """Return the version a model is pinned to, or None where the newest is wanted.

    Raises:
        BundleError: the pin cannot be read, or is not a number.
    """
    path = follow(store / name / DESIRED_VERSION, store)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be read for ever
            raise BundleError(f"{path} is not a regular file; write a version number into one")
        text = path.read_bytes()[:64].decode("ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise BundleError(f"{path} cannot be read ({exc.strerror}); let this user read it") from exc
    except UnicodeDecodeError as exc:
        raise BundleError(
            f"{path} is not plain text, such as UTF-16 from a Windows shell; write the version "
            "number in ASCII or UTF-8"
        ) from exc
    if not VERSION_PATTERN.fullmatch(text):
        raise BundleError(
            f"{store / name / DESIRED_VERSION} says {text[:20]!r}, not a version number; write one "
            "or remove the file"
        )
    return int(text)


def write_desired_version(store: Path, name: str, version: int | None) -> None:
    """Pin a model to a version, or unpin it; raise BundleError where the store is read-only."""
    target = store / name / DESIRED_VERSION
    try:
        if version is None:
            target.unlink(missing_ok=True)
            return
        draft = target.with_name(f".{DESIRED_VERSION}.tmp")
        draft.write_text(f"{version}\n")
        draft.replace(target)
    except OSError as exc:
        raise BundleError(
            f"{target} cannot be written ({exc.strerror}); write {version} into that file where "
            "the store is writable, and every replica follows"
        ) from exc


def version_signature(store: Path, name: str, version: int) -> tuple[object, ...]:
    """Return a value that changes with a version's files, to tell a new attempt from an old one.

    It changes too when a link leads to another file.
    """
    try:
        return tuple(_mark(path) for path in sorted((store / name / str(version)).iterdir()))
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ELOOP):
            return ()
        raise


def _mark(path: Path) -> tuple[object, ...]:
    try:
        info = path.stat()
    except OSError:  # a link to nothing
        info = path.lstat()
    return path.name, os.path.realpath(path), info.st_size, info.st_mtime_ns
