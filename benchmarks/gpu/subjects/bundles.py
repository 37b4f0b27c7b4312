"""Bundles of random networks, made without export's gates, because only their speed matters.

The stage `parity` compares answers. The golden cases hold the checkpoint's own logits, so that the
service still refuses a graph that answers wrongly.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from app.bundle.base import GraphKind
from app.bundle.bundle import MANIFEST, Bundle, open_bundle
from app.bundle.manifest import TOKENIZER, GoldenCase, GraphFile, Manifest, Source, TokenizerFile
from app.bundle.measured import Parity
from benchmarks.errors import Unavailable
from benchmarks.gpu.subjects.graphs import make_padded
from benchmarks.gpu.subjects.networks import Network, open_checkpoint
from export.checkpoint.load import Checkpoint
from export.errors import PackingRefused
from export.graphs.convert import Graph
from export.graphs.packed.build import build_packed
from export.reference.sample_texts import SENTENCES

PACKED_NAME = "model.packed.onnx"
GOLDEN = 4
# The greatest difference of fp16; the service adds its own slack before it refuses the graph.
GOLDEN_DIFFERENCE = 0.02


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """A network with its checkpoint and bundle, for one device.

    Attributes:
        device: `cuda` or `cpu`.
    """

    network: Network
    checkpoint: Checkpoint
    bundle: Bundle
    device: str

    def graph(self, name: str) -> Path:
        """Return a graph's file; raise Unavailable if the bundle has none."""
        path = self.bundle.path / f"model.{name}.onnx"
        if not path.exists():
            raise Unavailable(f"the bundle has no {name} graph")
        return path

    def need_cuda(self) -> None:
        """Raise Unavailable on another device."""
        if self.device != "cuda":
            raise Unavailable("needs CUDA")


def open_network(network: Network, build: Path, device: str) -> LoadedNetwork:
    """Return the network's checkpoint and bundle; make them under `build` if they are missing."""
    checkpoint = open_checkpoint(network, build)
    folder = build / "stores" / network.name / network.name / "1"
    if not (folder / MANIFEST).exists():
        write_bundle(checkpoint, network.name, folder)
    return LoadedNetwork(network, checkpoint, open_bundle(folder), device)


def write_bundle(checkpoint: Checkpoint, name: str, folder: Path) -> None:
    """Write the padded fp32 and fp16 graphs, the packed one if it can be made, and the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    fp32, fp16 = make_padded(checkpoint, folder)
    padded = {one.precision: _graph_file(one, "padded") for one in (fp32, fp16)}
    try:
        packed = _graph_file(build_packed(checkpoint, folder / PACKED_NAME), "packed")
    except PackingRefused:
        packed = None
    tokenizer = folder / TOKENIZER
    tokenizer.write_bytes(checkpoint.tokenizer_json)
    manifest = Manifest(
        name=name,
        version=int(folder.name),
        task=checkpoint.config.task,
        problem_type=checkpoint.config.problem_type,
        labels=checkpoint.config.labels,
        tag_scheme=checkpoint.config.tag_scheme,
        max_length=checkpoint.max_length,
        pad_token_id=checkpoint.pad_token_id,
        graphs=padded,
        packed=packed,
        tokenizer=TokenizerFile(
            file=tokenizer.name, sha256=_hash(tokenizer), bytes=tokenizer.stat().st_size
        ),
        source=Source(
            checkpoint=checkpoint.path.name,
            weights_sha256=checkpoint.weights_sha256,
            architecture=checkpoint.config.architecture,
            parameters=checkpoint.parameters,
        ),
        tools={"torch": torch.__version__},
        created_at=datetime.now(UTC).replace(microsecond=0),
        golden=tuple(_golden(checkpoint, text) for text in SENTENCES[:GOLDEN]),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json())


def answer_in_torch(checkpoint: Checkpoint, text: str) -> np.ndarray:
    """Return the checkpoint's own fp32 logits: [labels], or [tokens, labels] of a tagger."""
    encoded = checkpoint.tokenizer(
        text, truncation=True, max_length=checkpoint.max_length, return_tensors="pt"
    )
    known = {"input_ids", "attention_mask"}
    if hasattr(checkpoint.model.config, "type_vocab_size"):
        known |= {"token_type_ids"}
    device = next(checkpoint.model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in encoded.items() if name in known}
    with torch.inference_mode():
        logits: np.ndarray = checkpoint.model(**inputs).logits[0].float().cpu().numpy()
    return logits


def _golden(checkpoint: Checkpoint, text: str) -> GoldenCase:
    logits = answer_in_torch(checkpoint, text)
    rows = [tuple(map(float, row)) for row in logits.reshape(-1, logits.shape[-1])]
    return GoldenCase(text=text, logits=rows[0] if logits.ndim == 1 else tuple(rows))


def _hash(path: Path) -> str:
    # Not export.bundle.package's hash, whose module imports scikit-learn and scipy.
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _graph_file(graph: Graph, kind: GraphKind) -> GraphFile:
    slack = 0.0 if graph.precision == "fp32" else GOLDEN_DIFFERENCE
    return GraphFile(
        file=graph.path.name,
        sha256=_hash(graph.path),
        bytes=graph.path.stat().st_size,
        kind=kind,
        inputs=graph.inputs,
        opset=graph.opset,
        batch_invariant=True,
        recipe=graph.recipe,
        parity=Parity(
            inputs=1,
            agreement=1.0,
            max_score_difference=slack,
            batch_agreement=1.0,
            batch_max_score_difference=slack,
            golden_max_score_difference=slack,
        ),
    )
