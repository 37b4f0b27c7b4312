"""Stores in which one bundle lies under many names, as many models of one kind would."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from app.bundle.base import Precision


def copy_bundle(
    bundle: Path,
    store: Path,
    count: int,
    precision: Precision,
    changes: Mapping[str, object] | None = None,
) -> list[Path]:
    """Fill a store with copies of a bundle, with one graph each; return their folders.

    Args:
        changes: fields that the manifests of the copies have otherwise.
    """
    shutil.rmtree(store, ignore_errors=True)
    version = str(json.loads((bundle / "manifest.json").read_text())["version"])
    copies = []
    for number in range(count):
        name = f"copy-{number:02}"
        copies.append(store / name / version)
        copy_graph(bundle, copies[-1], precision, {"name": name} | dict(changes or {}))
    return copies


def copy_graph(
    bundle: Path, folder: Path, precision: Precision, changes: Mapping[str, object] | None = None
) -> None:
    """Copy a bundle with one of its graphs alone into a folder, which is made.

    Args:
        changes: fields that the copy's manifest has otherwise.
    """
    manifest = json.loads((bundle / "manifest.json").read_text())
    graph = manifest["graphs"][precision]
    folder.mkdir(parents=True)
    for file in (graph["file"], manifest["tokenizer"]["file"]):
        shutil.copyfile(bundle / file, folder / file)
    own = {"graphs": {precision: graph}, "packed": None} | dict(changes or {})
    (folder / "manifest.json").write_text(json.dumps(manifest | own))
