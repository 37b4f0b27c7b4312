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
    manifest = json.loads((bundle / "manifest.json").read_text())
    graph = manifest["graphs"][precision]
    copies = []
    for number in range(count):
        name = f"copy-{number:02}"
        copies.append(store / name / str(manifest["version"]))
        copies[-1].mkdir(parents=True)
        for file in (graph["file"], manifest["tokenizer"]["file"]):
            shutil.copyfile(bundle / file, copies[-1] / file)
        own = {"name": name, "graphs": {precision: graph}, "packed": None} | dict(changes or {})
        (copies[-1] / "manifest.json").write_text(json.dumps(manifest | own))
    return copies
