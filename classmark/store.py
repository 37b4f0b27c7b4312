"""`classmark store`: list the models of a store, their versions, and what is wrong with them."""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.bundle.bundle import Bundle, open_bundle
from app.errors import BundleError
from app.store import check_store, list_models, list_skipped, list_versions, read_desired_version


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """A version in the store, or what is wrong with a model as a whole.

    Attributes:
        wanted: the version that a service loads.
        bundle: None if it cannot be read.
        fault: what is wrong, with the remedy; empty if nothing is.
    """

    name: str
    wanted: bool = False
    bundle: Bundle | None = None
    fault: str = ""


def read_store(store: Path, *, checksums: bool) -> list[StoreEntry]:
    """Look at every version of every model.

    Args:
        checksums: read all files too, instead of only comparing their sizes.

    Raises:
        ValueError: there is no such folder.
    """
    check_store(store)
    entries = [
        entry for name in list_models(store) for entry in _read_model(store, name, checksums)
    ]
    misnamed = "is named like no model or version: a model is a-z, 0-9, _ and -, a version a number"
    return [*entries, *(StoreEntry(name, fault=misnamed) for name in list_skipped(store))]


def _read_model(store: Path, name: str, checksums: bool) -> Iterator[StoreEntry]:
    try:
        pinned = read_desired_version(store, name)
        versions = list_versions(store, name)
    except BundleError as exc:
        yield StoreEntry(name, fault=str(exc))
        return
    if not versions:
        yield StoreEntry(name, fault="has no version; export one, or remove the folder")
    elif pinned and pinned not in versions:
        fault = f"is pinned to version {pinned}, which is not there; it has {versions}"
        yield StoreEntry(name, fault=f"{fault}: copy that version, or remove desired-version")
    for version in versions:
        wanted = version == (pinned or versions[0])
        yield _read_version(store / name / str(version), wanted, checksums)


def _read_version(folder: Path, wanted: bool, checksums: bool) -> StoreEntry:
    label = f"{folder.parent.name}/{folder.name}"
    try:
        bundle = open_bundle(folder)
        bundle.check_files(checksums=checksums)
    except BundleError as exc:
        return StoreEntry(label, wanted, fault=str(exc))
    return StoreEntry(label, wanted, bundle)


def describe(bundle: Bundle) -> str:
    """Return what a version is, on one line."""
    manifest = bundle.manifest
    graphs = [f"{name} {graph.total_bytes / 1e6:.0f} MB" for name, graph in manifest.graphs.items()]
    return (
        f"{manifest.task}, {len(manifest.labels)} labels, {', '.join(graphs)}, made "
        f"{manifest.created_at:%Y-%m-%d}"
    )


def default_store() -> Path:
    return Path(os.environ.get("CLASSMARK_MODEL_STORE") or "models")


def main() -> int:
    """Print a line for each version; return 0, 1 if something is wrong, 2 without a store."""
    parser = argparse.ArgumentParser(
        description="List the models of a store: versions, which one is wanted, what is wrong."
    )
    parser.add_argument(
        "store", type=Path, nargs="?", default=default_store(), help="default: %(default)s"
    )
    parser.add_argument("--checksums", action="store_true", help="read all files: takes longer")
    options = parser.parse_args()
    try:
        entries = read_store(options.store, checksums=options.checksums)
    except (ValueError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        wanted = "wanted" if entry.wanted else ""
        text = describe(entry.bundle) if entry.bundle else f"WRONG: {entry.fault}"
        sys.stdout.write(f"{entry.name:<{width}}  {wanted:<6}  {text}\n")
    return 1 if any(entry.fault for entry in entries) else 0
