"""A bucket in memory, what is put into it, and what goes wrong with it."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from obstore.exceptions import GenericError
from obstore.store import MemoryStore

from app.bundle.bundle import MANIFEST
from app.bundle.manifest import GraphFile, Manifest
from app.mirror.cache import Cache
from app.mirror.mirror import Mirror
from app.mirror.remote_store import RemoteStore

URL = "s3://models/team"


class Bucket:
    """A bucket in memory that counts what is read, and may be down or cut answers short.

    Attributes:
        read: paths, each as often as it was read.
        down: whether it can be reached.
        on_piece: called before each piece of an object is handed out.
    """

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.read: list[str] = []
        self.down = False
        self.on_piece: Callable[[str], None] = lambda path: None

    def list(self) -> Any:
        self._check()
        return self.store.list()

    def get(self, path: str) -> "Found":
        self._check()
        self.read.append(path)
        return Found(self, path, self.store.get(path))

    def put(self, path: str, content: Any, **options: Any) -> Any:
        self._check()
        return self.store.put(path, content, **options)

    def delete(self, path: str) -> None:
        self._check()
        self.store.delete(path)

    def add(self, store: Path, name: str, version: int, but: Sequence[str] = ()) -> None:
        """Put a version of a store on disk into the bucket, but for some of its files."""
        for file in sorted((store / name / str(version)).iterdir()):
            if file.name not in but:
                self.store.put(f"{name}/{version}/{file.name}", file.read_bytes())

    def pin(self, name: str, text: str, channel: str = "") -> None:
        file = f"desired-version.{channel}" if channel else "desired-version"
        self.store.put(f"{name}/{file}", text.encode())

    def take(self, name: str, version: int) -> None:
        for chunk in self.store.list(f"{name}/{version}"):
            self.store.delete([found["path"] for found in chunk])

    def bytes_of(self, *paths: str) -> int:
        return sum(self.store.head(path)["size"] for path in paths)

    def fetched(self) -> Sequence[str]:
        """Return the files read since the last call, without pins."""
        read, self.read = self.read, []
        return sorted(path for path in read if "desired-version" not in path)

    def _check(self) -> None:
        if self.down:
            raise GenericError("connection refused")


class Found:
    """An object of the bucket, as `get` returns it."""

    def __init__(self, bucket: Bucket, path: str, found: Any) -> None:
        self._bucket, self._path, self._found = bucket, path, found
        self.meta = found.meta

    def bytes(self) -> bytes:
        return bytes(self._found.bytes())

    def stream(self, min_chunk_size: int) -> Iterator[bytes]:
        whole = self.bytes()
        for start in range(0, len(whole), min_chunk_size):
            self._bucket.on_piece(self._path)
            self._bucket._check()
            yield whole[start : start + min_chunk_size]


def remote(bucket: Bucket) -> RemoteStore:
    return RemoteStore(bucket, URL)  # type: ignore[arg-type]


def all_graphs(manifest: Manifest) -> list[GraphFile]:
    """Return the graphs as a CPU prefers them."""
    found = (manifest.find_graph(precision) for precision in ("int8", "fp32", "fp16"))
    return [graph for graph in found if graph is not None]


def make_mirror(bucket: Bucket, cache: Path, channel: str | None = None) -> Mirror:
    return Mirror(remote(bucket), Cache(cache, URL), all_graphs, channel)


def versions(cache: Path, name: str = "mood") -> list[str]:
    """Return the versions of a model that a cache has."""
    return sorted(path.name for path in (cache / "store" / name).iterdir() if path.is_dir())


def copy_graph(store: Path, name: str, version: int) -> None:
    """Give a bundle of fp32 alone an int8 graph too: the same file under another name."""
    folder = store / name / str(version)
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    fp32 = manifest.graphs["fp32"]
    (folder / "model.int8.onnx").write_bytes((folder / fp32.file).read_bytes())
    int8 = fp32.model_copy(update={"file": "model.int8.onnx"})
    both = manifest.model_copy(update={"graphs": {"fp32": fp32, "int8": int8}})
    (folder / MANIFEST).write_text(both.model_dump_json())


def files(folder: Path) -> list[str]:
    """Return every file below a folder, by its path in it."""
    return sorted(
        os.path.relpath(Path(root, name), folder)
        for root, _, names in os.walk(folder)
        for name in names
    )
