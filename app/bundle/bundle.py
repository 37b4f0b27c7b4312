"""Reads bundles without trust.

<store>/<name>/<version>/manifest.json  model.<precision>.onnx ...  tokenizer.json  report.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from app.bundle.files import (
    FileRecord,
    GraphData,
    check_size,
    map_verified,
    read_plain,
    read_verified,
)
from app.bundle.links import follow
from app.bundle.manifest import SCHEMA_VERSION, GraphFile, Manifest
from app.errors import BundleError, IncompleteBundle

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
# What transformers and PEFT write beside weights, and no bundle has.
CHECKPOINT_CONFIGS = ("config.json", "adapter_config.json")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose manifest was read; its files are checked when they are read.

    Attributes:
        real: by the name in the manifest, where a file was when the bundle was opened. What links
            lead elsewhere since changes nothing: a version is read as it was at one moment.
    """

    path: Path
    manifest: Manifest
    real: Mapping[str, Path] = field(default_factory=dict)

    def locate(self, record: FileRecord) -> Path:
        return self.real.get(record.file, self.path / record.file)

    def read_tokenizer(self) -> bytes:
        tokenizer = self.manifest.tokenizer
        return read_verified(self.locate(tokenizer), tokenizer)

    def read_graph(self, graph: GraphFile) -> GraphData:
        files = [graph.weights] if graph.weights else []
        return GraphData(
            read_verified(self.locate(graph), graph),
            {one.file: map_verified(self.locate(one), one) for one in files},
        )

    def check_files(self, *, checksums: bool) -> None:
        """Raise BundleError for a file that is not as the manifest says.

        Args:
            checksums: read them whole; else only their sizes are compared.
        """
        for record in self.manifest.files:
            check_size(self.locate(record), record)
            if checksums:
                map_verified(self.locate(record), record)


def open_bundle(path: Path) -> Bundle:
    """Read and check a bundle's manifest; raise BundleError naming what is wrong."""
    store = path.parent.parent
    found = follow(path / MANIFEST, store)
    try:
        raw = read_plain(found, MAX_MANIFEST_BYTES)
    except IncompleteBundle:
        refuse_checkpoint(path, path.parent.name)
        raise
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise BundleError(
            f"{path / MANIFEST}: {where}: {first['msg']} ({exc.error_count()} problems in all); "
            f"this service reads schema_version {SCHEMA_VERSION}; export the checkpoint again"
        ) from exc
    if (manifest.name, str(manifest.version)) != (path.parent.name, path.name):
        raise BundleError(
            f"{path} says it is {manifest.name}/{manifest.version}: a bundle's folder must be "
            "<store>/<name>/<version>; move it there"
        )
    bundle = Bundle(path, manifest)
    real = {one.file: follow(path / one.file, store) for one in manifest.files}
    if follow(path / MANIFEST, store) != found:
        raise IncompleteBundle(f"{path} was replaced while it was opened; it is opened again")
    return replace(bundle, real=real)


def refuse_checkpoint(folder: Path, name: str) -> None:
    """Raise BundleError if a model's folder, or a version's without manifest, is a checkpoint."""
    found = [one for one in CHECKPOINT_CONFIGS if (folder / one).is_file()]
    if found:
        raise BundleError(
            f"{folder} is a Hugging Face checkpoint ({found[0]}), which is not served as it is; "
            f"move it out of the store and run `classmark export CHECKPOINT --name {name}` on it"
        )
