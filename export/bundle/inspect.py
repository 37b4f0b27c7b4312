"""List the bundles of a store, and show the manifest of one."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from app.bundle.bundle import open_bundle
from app.bundle.manifest import Manifest
from app.errors import BundleError
from app.store import check_model, list_models, list_versions
from export.errors import StoreError


def list_store(store: Path, console: Console) -> int:
    """Show every bundle of a store, broken ones with the reason; return the exit code."""
    if not store.is_dir():
        raise StoreError(f"{store} is not a folder; give the model store, e.g. models")
    broken = 0
    for name in list_models(store):
        versions: Sequence[int | None] = list_versions(store, name)
        for version in versions or [None]:
            try:
                found = _look(store, name, version)
            except BundleError as exc:
                broken += 1
                found = f"broken: {exc}"
            _line(console, f"{name if version is None else f'{name}/{version}'}  {found}")
    return 1 if broken else 0


def inspect_bundle(path: Path, console: Console) -> int:
    """Show the manifest of a bundle, with the number of golden cases."""
    manifest = open_bundle(path.resolve()).manifest
    content = manifest.model_dump(mode="json", exclude={"golden"}, exclude_none=True)
    rows = [*_flatten("", content), ("golden", f"{len(manifest.golden)} cases")]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        _line(console, f"{name:<{width}}  {value}")
    return 0


def _look(store: Path, name: str, version: int | None) -> str:
    if version is None:
        check_model(store, name)
        return "no version"
    return _summary(open_bundle(store / name / str(version)).manifest)


def _summary(manifest: Manifest) -> str:
    graphs = [f"{name} {graph.total_bytes / 1e6:.0f} MB" for name, graph in manifest.graphs.items()]
    if manifest.packed is not None:
        graphs.append(f"fp16 packed {manifest.packed.total_bytes / 1e6:.0f} MB")
    return (
        f"{manifest.task}, {len(manifest.labels)} labels, {', '.join(graphs)}, made "
        f"{manifest.created_at:%Y-%m-%d %H:%M} UTC"
    )


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _flatten(prefix: str, value: object) -> list[tuple[str, str]]:
    """Return dotted names with their values; a list of plain values stays on one line."""
    if isinstance(value, dict):
        return [row for name, inner in value.items() for row in _flatten(f"{prefix}.{name}", inner)]
    if isinstance(value, list):
        return [(prefix.lstrip("."), ", ".join(map(str, value)))]
    return [(prefix.lstrip("."), str(value))]
