"""Reads every version of a store in a bucket."""

import hashlib
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from app.bundle.bundle import MANIFEST, MAX_MANIFEST_BYTES
from app.bundle.files import FileRecord
from app.bundle.manifest import Manifest
from app.errors import StoreError
from app.mirror.layout import RemoteFile, RemoteModel
from app.mirror.remote_store import RemoteStore
from app.store import DESIRED_VERSION, VERSION_PATTERN
from classmark.store.entry import NO_VERSION, StoreEntry, pinned_elsewhere

Pins = Mapping[str, int]


def read_bucket(remote: RemoteStore, *, checksums: bool) -> list[StoreEntry]:
    """Look at every version of every model.

    Args:
        checksums: read all files too, instead of only comparing their sizes.

    Raises:
        StoreError: the bucket cannot be reached.
    """
    models = remote.look()
    return [
        entry
        for name in sorted(models)
        for entry in _read_model(remote, name, models[name], checksums)
    ]


def _read_model(
    remote: RemoteStore, name: str, model: RemoteModel, checksums: bool
) -> Iterator[StoreEntry]:
    pins = dict[str, int]()
    for file in model.pins:
        found = remote.read_pin(name, file)
        text = found[0].decode(errors="replace").strip() if found else ""
        if not VERSION_PATTERN.fullmatch(text):
            yield StoreEntry(name, fault=f"{file} says {text!r}, not a version; pin it again")
        elif int(text) not in model.whole:
            yield StoreEntry(name, fault=pinned_elsewhere(file, int(text), model.whole))
        else:
            pins[file] = int(text)
    if not model.whole:
        yield StoreEntry(name, fault=NO_VERSION)
    wanted = pins.get(DESIRED_VERSION, max(model.whole, default=0))
    for version in sorted(model.versions, reverse=True):
        channels = tuple(
            file.removeprefix(f"{DESIRED_VERSION}.")
            for file, pinned in pins.items()
            if pinned == version and file != DESIRED_VERSION
        )
        label, files = f"{name}/{version}", model.versions[version]
        try:
            manifest = _read_version(remote, label, files, checksums)
            yield StoreEntry(label, version == wanted, channels, manifest)
        except StoreError as exc:
            yield StoreEntry(label, version == wanted, channels, fault=str(exc))


def _read_version(
    remote: RemoteStore, label: str, files: Mapping[str, RemoteFile], checksums: bool
) -> Manifest:
    if MANIFEST not in files:
        raise StoreError("has no manifest: an upload goes on, or was cut short; push it again")
    text, _ = remote.read(f"{label}/{MANIFEST}", MAX_MANIFEST_BYTES)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]["msg"]
        raise StoreError(f"{MANIFEST} is none of this version ({first}); export it again") from exc
    if f"{manifest.name}/{manifest.version}" != label:
        raise StoreError(f"says it is {manifest.name}/{manifest.version}; push it there")
    for record in manifest.files:
        _check_file(remote, label, files, record, checksums)
    return manifest


def _check_file(
    remote: RemoteStore,
    label: str,
    files: Mapping[str, RemoteFile],
    record: FileRecord,
    checksums: bool,
) -> None:
    found = files.get(record.file)
    remedy = "push the bundle again as another version"
    if found is None or found.bytes != record.bytes:
        has = "is missing" if found is None else f"has {found.bytes} bytes, not {record.bytes}"
        raise StoreError(f"{record.file} {has}; {remedy}")
    if checksums and hash_remote(remote, f"{label}/{record.file}") != record.sha256:
        raise StoreError(f"{record.file} was changed or damaged; {remedy}")


def hash_remote(remote: RemoteStore, path: str) -> str:
    """Return the sha256 of an object."""
    digest = hashlib.sha256()
    for piece in remote.stream(path):
        digest.update(piece)
    return digest.hexdigest()
