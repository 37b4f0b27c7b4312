"""Pins a model of a store to a version, for all services or for those of a channel."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import StoreError
from app.store import (
    check_store,
    list_versions,
    pin_file,
    read_desired_version,
    write_desired_version,
)

if TYPE_CHECKING:
    from app.mirror.remote_store import RemoteStore


def pin(store: "RemoteStore | Path", name: str, version: int, channel: str | None) -> str:
    """Pin a model; return what the pin said before.

    Raises:
        StoreError, BundleError, ValueError: there is no such version, or the pin cannot be written.
        PinConflict: another command changed the pin of a bucket at the same time.
    """
    if isinstance(store, Path):
        check_store(store)
        _check_there(name, version, list_versions(store, name))
        before = read_desired_version(store, name, channel)
        write_desired_version(store, name, version, channel)
        return str(before or "the newest")
    model = store.look().get(name)
    _check_there(name, version, model.whole if model else [])
    found = store.read_pin(name, pin_file(channel))
    said, tag = found or (b"the newest", None)
    store.write_pin(name, pin_file(channel), version, tag)
    return said.decode(errors="replace").strip()


def unpin(store: "RemoteStore | Path", name: str, channel: str | None) -> None:
    """Let a model follow its newest version again, or a channel what all follow."""
    if isinstance(store, Path):
        check_store(store)
        write_desired_version(store, name, None, channel)
    elif store.read_pin(name, pin_file(channel)) is not None:
        store.remove(f"{name}/{pin_file(channel)}")


def _check_there(name: str, version: int, versions: list[int]) -> None:
    if version not in versions:
        there = ", ".join(map(str, versions)) or "none"
        raise StoreError(f"{name} has no version {version}; there are: {there}; push it first")
