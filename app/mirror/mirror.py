"""Brings a cache to what a bucket has: of each model the version to serve, and what runs it here.

look -> for each model: choose versions -> fetch what is missing -> pins -> remove what is old

What is wrong with one version or model holds up no other. A bucket that cannot be reached ends the
round, and the cache stays as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.errors import StoreError
from app.mirror.cache import Cache
from app.mirror.layout import RemoteFile, RemoteModel
from app.mirror.remote_store import RemoteStore
from app.mirror.versions import ChooseGraphs, VersionFetcher
from app.store import VERSION_PATTERN, pin_file


@dataclass(frozen=True, slots=True)
class Held:
    """What the registry made of the versions of one model.

    Attributes:
        serving: the version that serves.
        refused: versions that cannot serve.
        lacking: versions all of whose graphs in the cache were refused: they want another.
    """

    serving: int | None = None
    refused: frozenset[int] = frozenset()
    lacking: frozenset[int] = frozenset()


@dataclass(slots=True)
class Round:
    """What one look at the bucket came to.

    Attributes:
        faults: by model and version, why a version could not be fetched.
    """

    fetched_bytes: int = 0
    faults: dict[str, dict[int, StoreError]] = field(default_factory=dict)


class Mirror:
    """Keeps a cache up with a bucket; blocks, on one thread at a time."""

    def __init__(
        self, remote: RemoteStore, cache: Cache, graphs: ChooseGraphs, channel: str | None = None
    ) -> None:
        self._remote = remote
        self._versions = VersionFetcher(remote, cache, graphs)
        self._pin_files = [pin_file(one) for one in dict.fromkeys((channel, None))]
        self._pins: dict[tuple[str, str], tuple[RemoteFile, bytes]] = {}
        self.cache = cache

    def sync(self, held: Mapping[str, Held]) -> Round:
        """Bring the cache to what the bucket has now.

        Raises:
            StoreError: the bucket cannot be reached, or is empty while the cache is not.
        """
        self.cache.open()
        models = self._remote.look()
        if not models and self.cache.is_usable:
            raise StoreError(
                f"{self._remote.url} is empty; the cache keeps what it has: see that bucket and "
                "prefix are right, or remove the cache"
            )
        done = Round()
        for name, model in models.items():
            faults = done.faults[name] = {}
            try:
                self._sync_model(name, model, held.get(name, Held()), done)
            except StoreError as exc:
                if exc.kind == "unreachable":
                    raise
                faults[max(model.whole, default=0)] = exc
        self.cache.forget(models)
        return done

    def _sync_model(self, name: str, model: RemoteModel, held: Held, done: Round) -> None:
        pins = self._read_pins(name, model)
        kept = set[int]()
        for version in self._choose(name, model, held, pins, done.faults[name]):
            kept.add(version)
            try:
                more = version in held.lacking
                done.fetched_bytes += self._versions.bring(name, version, model, more)
            except StoreError as exc:
                if exc.kind == "unreachable":
                    raise
                done.faults[name][version] = exc
        self.cache.write_pins(name, pins)
        self.cache.prune(name, model.whole, kept | {held.serving or 0})

    def _choose(
        self,
        name: str,
        model: RemoteModel,
        held: Held,
        pins: Mapping[str, bytes],
        faults: Mapping[int, StoreError],
    ) -> Iterator[int]:
        """Yield the versions to have: the pinned one, or newest first down to one that serves."""
        pin = next((pins[file] for file in self._pin_files if file in pins), None)
        if pin is not None:
            text = pin.decode(errors="replace").strip()
            if VERSION_PATTERN.fullmatch(text):  # else the registry says what is wrong with it
                yield int(text)
            return
        for version in model.whole:
            yield version
            if version == held.serving or not (version in held.refused or version in faults):
                return

    def _read_pins(self, name: str, model: RemoteModel) -> dict[str, bytes]:
        texts: dict[str, bytes] = {}
        for file in self._pin_files:
            listed = model.pins.get(file)
            if listed is None:
                continue
            known, text = self._pins.get((name, file), (None, b""))
            if known != listed:
                found = self._remote.read_pin(name, file)
                if found is None:  # removed since the look
                    continue
                text = found[0]
                self._pins[name, file] = (listed, text)
            texts[file] = text
        return texts
