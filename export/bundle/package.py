"""Write a bundle to disk: beside its target, then sync it, load it once and rename it."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from app.bundle.bundle import MANIFEST, Bundle
from app.bundle.manifest import NAME_PATTERN, TOKENIZER, Manifest
from app.engine.models.loader import load_graph
from app.errors import BundleError
from app.store import list_versions
from export.bundle.verify import cpu_backends
from export.errors import GateFailed, StoreError

REPORT = "report.md"
MAX_VERSION = 999_999_999


def choose_version(store: Path, name: str, version: int | None) -> int:
    """Return the requested version, or the next free one.

    Raises:
        StoreError: the name cannot be a folder of a store, or the version exists.
    """
    if not re.match(NAME_PATTERN, name):
        raise StoreError(
            f"name {name!r} cannot be used; take lower-case letters, digits, - and _, at most 64"
        )
    taken = list_versions(store, name)
    chosen = version if version is not None else max(taken, default=0) + 1
    if not 1 <= chosen <= MAX_VERSION:
        raise StoreError(f"version {chosen} cannot be used; take 1 to {MAX_VERSION}")
    if (store / name / str(chosen)).exists():
        raise StoreError(
            f"{store / name / str(chosen)} exists and versions never change; leave out --version "
            f"to get {max(taken, default=0) + 1}"
        )
    return chosen


@contextmanager
def staging(store: Path, name: str, version: int) -> Iterator[Path]:
    """Yield a hidden folder beside the target, and delete it afterwards in any case."""
    parent = store / name
    created = [path for path in (store, parent) if not path.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{version}.tmp-", dir=parent))
    except OSError as exc:
        raise StoreError(f"{parent} cannot be written: {exc.strerror}; choose a --store") from exc
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for path in reversed(created):
            if not any(path.iterdir()):
                path.rmdir()


def hash_file(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_bundle(folder: Path, target: Path, manifest: Manifest, report: str) -> None:
    """Complete the staged folder, load every graph from it as the service does, and rename it.

    Raises:
        GateFailed: a written graph does not load or does not give its golden answers.
        StoreError: the version was written by another process meanwhile.
    """
    text = manifest.model_dump_json(indent=1, exclude_none=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    (folder / REPORT).write_text(report, encoding="utf-8")
    for mode, backend in cpu_backends(manifest):
        try:
            load_graph(Bundle(folder, manifest), backend, mode)
        except BundleError as exc:
            raise GateFailed(f"the {mode} graph as written is not servable: {exc}") from exc
    _publish(folder, target)


def write_tokenizer(folder: Path, data: bytes) -> Path:
    path = folder / TOKENIZER
    path.write_bytes(data)
    return path


def _publish(folder: Path, target: Path) -> None:
    for path in sorted(folder.iterdir()):
        path.chmod(0o644)
        _sync(path)
    folder.chmod(0o755)
    _sync(folder)
    try:
        folder.rename(target)
    except OSError as exc:
        raise StoreError(f"{target} cannot be written: {exc.strerror}") from exc
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
