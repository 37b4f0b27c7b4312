"""Reads every version of a store in a folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from app.bundle.bundle import open_bundle
from app.errors import BundleError
from app.store import (
    check_store,
    list_channels,
    list_models,
    list_skipped,
    list_versions,
    pin_file,
    read_desired_version,
)
from classmark.store.entry import NO_VERSION, StoreEntry, pinned_elsewhere

Pins = Mapping[str | None, int | None]


def read_folder(store: Path, *, checksums: bool) -> list[StoreEntry]:
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
        versions = list_versions(store, name)
        channels = (None, *list_channels(store, name))
        pins = {channel: read_desired_version(store, name, channel) for channel in channels}
    except BundleError as exc:
        yield StoreEntry(name, fault=str(exc))
        return
    if not versions:
        yield StoreEntry(name, fault=NO_VERSION)
    for channel, version in pins.items():
        if versions and version and version not in versions:
            yield StoreEntry(name, fault=pinned_elsewhere(pin_file(channel), version, versions))
    for version in versions:
        yield _read_version(store / name / str(version), versions[0], pins, checksums)


def _read_version(folder: Path, newest: int, pins: Pins, checksums: bool) -> StoreEntry:
    label, version = f"{folder.parent.name}/{folder.name}", int(folder.name)
    wanted = version == (pins[None] or newest)
    channels = tuple(one for one in pins if one and pins[one] == version)
    try:
        bundle = open_bundle(folder)
        bundle.check_files(checksums=checksums)
    except BundleError as exc:
        return StoreEntry(label, wanted, channels, fault=str(exc))
    return StoreEntry(label, wanted, channels, bundle.manifest)
