"""Reads a model store: its models, their versions, and the desired version of each.

<store>/<name>/<version>/...    bundles; a version is a positive integer
<store>/<name>/desired-version  a number, if the model is pinned; else the newest is wanted
<store>/<name>/desired-version.<channel>  counts before it where that channel is followed
"""

import errno
import importlib.util
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


def check_store(store: Path, bucket: str | None = None) -> None:
    """Raise ValueError if there is no such folder; make it where it is the cache of a bucket."""
    if bucket is not None:
        _prepare_cache(bucket, store)
    if not store.is_dir():
        raise ValueError(
            f"the model store {store} is not a folder; make the demo models with `make models`, "
            "or set CLASSMARK_MODEL_STORE"
        )


def require_obstore(url: str) -> None:
    """Raise ValueError where what speaks to buckets is not installed."""
    if importlib.util.find_spec("obstore") is None:
        raise ValueError(
            f"the model store {url} is a bucket, which needs obstore; install the extra: "
            "pip install 'classmark[store]'"
        )


def _prepare_cache(url: str, folder: Path) -> None:
    """Make the folder that a bucket is mirrored into; raise ValueError where that cannot work."""
    require_obstore(url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "it is read-only"
    except OSError as exc:
        reason = str(exc.strerror)
    if reason:
        raise ValueError(
            f"the cache {folder} of {url} cannot be written ({reason}); name a folder that can by "
            "CLASSMARK_STORE_CACHE"
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


def list_channels(store: Path, name: str) -> list[str]:
    """Return the channels that have a pin of their own for a model."""
    pins = (store / name).glob(f"{DESIRED_VERSION}.*")
    return sorted(path.name.removeprefix(f"{DESIRED_VERSION}.") for path in pins)


def check_model(store: Path, name: str) -> None:
    """Raise BundleError if a model's folder, where versions should be, is a checkpoint."""
    refuse_checkpoint(store / name, name)


def pin_file(channel: str | None) -> str:
    """Return the name of the file with the pin of a channel, or of all that follow none."""
    return f"{DESIRED_VERSION}.{channel}" if channel else DESIRED_VERSION


def read_desired_version(store: Path, name: str, channel: str | None = None) -> int | None:
    """Return the version a model is pinned to, or None where the newest is wanted.

    Args:
        channel: whose pin counts first.

    Raises:
        BundleError: the pin cannot be read, or is not a number.
    """
    own = _read_pin(store, name, pin_file(channel)) if channel else None
    return own if own is not None else _read_pin(store, name, DESIRED_VERSION)


def _read_pin(store: Path, name: str, file: str) -> int | None:
    path = follow(store / name / file, store)
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
            f"{path} says {text[:20]!r}, not a version number; write one or remove the file"
        )
    return int(text)


def write_desired_version(
    store: Path, name: str, version: int | None, channel: str | None = None
) -> None:
    """Pin a model to a version, or unpin it; raise BundleError where the store is read-only."""
    target = store / name / pin_file(channel)
    try:
        if version is None:
            target.unlink(missing_ok=True)
            return
        draft = target.with_name(f".{target.name}.tmp")
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
