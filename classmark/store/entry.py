"""Describes a version in a store, or what is wrong with it."""

from dataclasses import dataclass

from app.bundle.manifest import Manifest

NO_VERSION = "has no version; export one, or remove it"


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """A version in the store, or what is wrong with a model as a whole.

    Attributes:
        wanted: whether a service that follows no channel loads it.
        channels: that are pinned to it.
        manifest: None if it cannot be read.
        fault: what is wrong, with the remedy; empty if nothing is.
    """

    name: str
    wanted: bool = False
    channels: tuple[str, ...] = ()
    manifest: Manifest | None = None
    fault: str = ""

    @property
    def place(self) -> str:
        """Who loads it."""
        return ", ".join([*(["wanted"] if self.wanted else []), *self.channels])

    @property
    def text(self) -> str:
        """What it is, or what is wrong with it, on one line."""
        if self.fault or self.manifest is None:
            return f"WRONG: {self.fault}"
        sizes = self.manifest.graphs.items()
        graphs = [f"{name} {graph.total_bytes / 1e6:.0f} MB" for name, graph in sizes]
        return (
            f"{self.manifest.task}, {len(self.manifest.labels)} labels, {', '.join(graphs)}, made "
            f"{self.manifest.created_at:%Y-%m-%d}"
        )


def pinned_elsewhere(pin: str, version: int, there: object) -> str:
    """Return the fault of a pin to a version that is not there."""
    return (
        f"is pinned to version {version}, which is not there; it has {there}: copy that version, "
        f"or remove {pin}"
    )
