"""Finds the store that a command is about: a folder, or a bucket."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.settings import check_place
from app.store import require_obstore
from classmark.store.entry import StoreEntry
from classmark.store.folder import read_folder

if TYPE_CHECKING:
    from app.mirror.remote_store import RemoteStore


def default_place() -> str:
    return os.environ.get("CLASSMARK_MODEL_STORE") or "models"


def find_store(place: str) -> "RemoteStore | Path":
    """Return a bucket, or a folder that need not be there.

    Raises:
        ValueError: the place is neither, or a bucket's needs are missing.
    """
    place = check_place(place)
    if "://" not in place:
        return Path(place)
    require_obstore(place)
    from app.mirror.remote_store import open_remote

    return open_remote(place)


def read_store(place: str, *, checksums: bool) -> list[StoreEntry]:
    """Look at every version of every model of a folder or bucket.

    Raises:
        ValueError: there is no such store.
        StoreError: the bucket cannot be reached.
    """
    store = find_store(place)
    if isinstance(store, Path):
        return read_folder(store, checksums=checksums)
    from classmark.store.bucket import read_bucket

    return read_bucket(store, checksums=checksums)
