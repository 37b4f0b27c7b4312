"""Fetches of a version what this device needs: manifest, tokenizer, and the best of its graphs."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.bundle.bundle import MANIFEST, MAX_MANIFEST_BYTES, open_bundle
from app.bundle.files import FileRecord
from app.bundle.manifest import GraphFile, Manifest
from app.errors import BundleError, StoreError
from app.mirror.cache import Cache
from app.mirror.disk import check_space, explained
from app.mirror.layout import RemoteFile, RemoteModel
from app.mirror.remote_store import RemoteStore

logger = logging.getLogger(__name__)

# Returns the graphs of a bundle that could run on this device, the best first.
ChooseGraphs = Callable[[Manifest], Sequence[GraphFile]]


class VersionFetcher:
    """Completes versions in a cache from a bucket."""

    def __init__(self, remote: RemoteStore, cache: Cache, graphs: ChooseGraphs) -> None:
        self._remote = remote
        self._cache = cache
        self._graphs = graphs
        # A version that was found damaged is fetched again only when its files change.
        self._damaged: dict[tuple[str, int], tuple[Mapping[str, RemoteFile], StoreError]] = {}

    def bring(self, name: str, version: int, model: RemoteModel, another_graph: bool) -> int:
        """Have a version in the cache with what it needs here; return the bytes fetched.

        Args:
            another_graph: the graphs that are there were refused: fetch the next best.

        Raises:
            StoreError: the version cannot be had, or not now.
        """
        label = f"{self._remote.url}/{name}/{version}"
        files = model.versions.get(version, {})
        if MANIFEST not in files:
            there = ", ".join(map(str, model.whole)) or "none"
            raise StoreError(
                f"{label} is not there, or not whole; whole are: {there}; push it, or pin another",
                "refused",
            )
        known, error = self._damaged.get((name, version), (None, None))
        if error is not None and known == files:
            raise error
        try:
            return self._fetch(name, version, another_graph)
        except BundleError as exc:
            error = StoreError(f"{label}: {exc}", "refused")
        except StoreError as exc:
            if exc.kind != "refused":
                raise
            error = exc
        self._damaged[name, version] = (dict(files), error)
        raise error

    def _fetch(self, name: str, version: int, another_graph: bool) -> int:
        folder = self._cache.store / name / str(version)
        if folder.exists():
            return self._complete(folder, name, version, another_graph)
        with self._cache.staging(name, version) as staged:
            manifest, _ = self._remote.read(f"{name}/{version}/{MANIFEST}", MAX_MANIFEST_BYTES)
            with explained(staged):
                (staged / MANIFEST).write_bytes(manifest)
            size = len(manifest) + self._complete(staged, name, version, another_graph)
        logger.info("version fetched", extra={"model": name, "version": version, "bytes": size})
        return size

    def _complete(self, folder: Path, name: str, version: int, another_graph: bool) -> int:
        """Fetch what a folder with a manifest lacks; return the bytes."""
        manifest = open_bundle(folder).manifest
        graphs = list(self._graphs(manifest))
        have = 0
        while have < len(graphs) and all(self._has(folder, one) for one in _files(graphs[have])):
            have += 1
        wanted = graphs[: max(1, have + another_graph)]
        records = [manifest.tokenizer, *(one for graph in wanted for one in _files(graph))]
        missing = [one for one in records if not self._has(folder, one)]
        check_space(self._cache.folder, missing, f"{self._remote.url}/{name}/{version}")
        for one in missing:
            path = f"{name}/{version}/{one.file}"
            pieces = self._remote.stream(path)
            self._cache.write(folder / one.file, pieces, one, f"{self._remote.url}/{path}")
        return sum(one.bytes for one in missing)

    def _has(self, folder: Path, record: FileRecord) -> bool:
        return self._cache.has(folder / record.file, record)


def _files(graph: GraphFile) -> list[FileRecord]:
    """Return a graph's files, the one that loads the other last."""
    return [graph.weights, graph] if graph.weights else [graph]
