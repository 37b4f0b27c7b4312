"""Bundles of random networks, made without export's gates, because only their speed matters.

The stage `parity` compares answers. The golden cases hold the checkpoint's own logits, so that the
service still refuses a graph that answers wrongly.
"""

import hashlib
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from app.bundle.base import Task
from app.bundle.bundle import MANIFEST, Bundle, open_bundle
from app.bundle.manifest import TOKENIZER, GoldenCase, GraphFile, Manifest, Source, TokenizerFile
from app.bundle.measured import Parity
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.subjects.graphs import make_graphs
from benchmarks.gpu.subjects.networks import NETWORKS
from benchmarks.session import say
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.graphs.convert import Graph
from export.graphs.packed.families import LAYOUTS
from export.reference.sample_texts import SENTENCES
from tests.support.checkpoints import make_checkpoint
from tests.support.families import Family, choose_families

GOLDEN = 4
# Rounding moves the scores of random weights ten times as far as those of a trained model. With
# nearer logits the limits still tell a graph that is wrong.
LOGIT_SPREAD = 0.7
# The greatest difference of fp16; the service adds its own slack before it refuses the graph.
GOLDEN_DIFFERENCE = 0.02
# Lies in a model's folder where its bundle could not be made.
FAILED = "failed.txt"
TINY = "tiny-bert"
# A trained checkpoint, if somebody put one there (carry.py).
CARRIED = "carried"
MAKERS = 4
WAIT_SECONDS = 120.0


def names_of_families(plan: GpuPlan) -> list[str]:
    """Return the names of the tiny bundles, one for each family and task."""
    families = [one.name for one in choose_families(plan.families) if one.name in LAYOUTS]
    return [f"{name}-{task.partition('-')[0]}" for name in families for task in get_args(Task)]


def make_all(plan: GpuPlan) -> None:
    """Make all bundles that are missing, the largest first, in a few processes."""
    carried = [CARRIED] if (plan.build / "checkpoints" / CARRIED).exists() else []
    names = dict.fromkeys((plan.base, *carried, plan.small, TINY, *names_of_families(plan)))
    # Not forked: a thread of torch may hold a lock at that moment.
    with ProcessPoolExecutor(MAKERS, get_context("spawn")) as pool:
        for name in names:
            pool.submit(_make, plan.build, name, int8=name == plan.small)
    say(f"made {len(names)} bundles")


def open_made(plan: GpuPlan, name: str) -> tuple[Bundle, Checkpoint]:
    """Return a bundle and its checkpoint; wait if it is still being made.

    Raises:
        BenchmarkError: it is not there in time.
    """
    folder, deadline = _folder(plan.build, name), time.monotonic() + WAIT_SECONDS
    failed = folder.with_name(FAILED)
    while not folder.exists():
        if failed.exists() or time.monotonic() > deadline:
            why = failed.read_text() if failed.exists() else f"not made in {WAIT_SECONDS:.0f} s"
            raise BenchmarkError(f"no bundle {name}: {why}")
        time.sleep(0.2)
    return open_bundle(folder), load_checkpoint(plan.build / "checkpoints" / name)


def answer_in_torch(checkpoint: Checkpoint, text: str) -> np.ndarray:
    """Return the checkpoint's own fp32 logits: [labels], or [tokens, labels] of a tagger."""
    encoded = checkpoint.tokenizer(
        text, truncation=True, max_length=checkpoint.max_length, return_tensors="pt"
    )
    known = {"input_ids", "attention_mask"}
    if hasattr(checkpoint.model.config, "type_vocab_size"):
        known |= {"token_type_ids"}
    inputs = {name: tensor for name, tensor in encoded.items() if name in known}
    with torch.inference_mode():
        logits: np.ndarray = checkpoint.model(**inputs).logits[0].numpy()
    return logits


def _folder(build: Path, name: str) -> Path:
    return build / "stores" / name / name / "1"


def _make(build: Path, name: str, *, int8: bool) -> None:
    """Make a checkpoint and its bundle, or leave a file that says what failed."""
    folder, checkpoint = _folder(build, name), build / "checkpoints" / name
    if folder.exists():
        return
    staged = folder.with_name(".1")
    shutil.rmtree(staged, ignore_errors=True)  # of a run that was ended
    staged.mkdir(parents=True)
    try:
        if not checkpoint.exists():
            make_checkpoint(*_find(name), checkpoint, LOGIT_SPREAD)
        write_bundle(load_checkpoint(checkpoint), name, staged, int8=int8)
        staged.rename(folder)
    except Exception as exc:  # torch, transformers and the optimizer raise anything
        folder.with_name(FAILED).write_text(f"{type(exc).__name__}: {exc}")


def _find(name: str) -> tuple[Family, Task]:
    if name in NETWORKS:
        return NETWORKS[name].as_family(), "sequence-classification"
    family, _, short = name.rpartition("-")
    task = next(one for one in get_args(Task) if one.startswith(short))
    return choose_families([family])[0], task


def write_bundle(checkpoint: Checkpoint, name: str, folder: Path, *, int8: bool) -> None:
    graphs = make_graphs(checkpoint, folder, int8=int8)
    (folder / TOKENIZER).write_bytes(checkpoint.tokenizer_json)
    manifest = _manifest(checkpoint, name, folder, graphs)
    (folder / MANIFEST).write_text(manifest.model_dump_json())


def _manifest(checkpoint: Checkpoint, name: str, folder: Path, graphs: list[Graph]) -> Manifest:
    files = {str(one.mode): _graph_file(one) for one in graphs}
    tokenizer, config = folder / TOKENIZER, checkpoint.config
    return Manifest(
        name=name,
        version=1,
        task=config.task,
        problem_type=config.problem_type,
        labels=config.labels,
        tag_scheme=config.tag_scheme,
        max_length=checkpoint.max_length,
        pad_token_id=checkpoint.pad_token_id,
        graphs={one.precision: _graph_file(one) for one in graphs if one.kind == "padded"},
        packed=files.get("fp16 packed"),
        tokenizer=TokenizerFile(
            file=tokenizer.name, sha256=_hash(tokenizer), bytes=tokenizer.stat().st_size
        ),
        source=Source(
            checkpoint=checkpoint.path.name,
            weights_sha256=checkpoint.weights_sha256,
            architecture=config.architecture,
            parameters=checkpoint.parameters,
        ),
        tools={"torch": torch.__version__},
        created_at=datetime.now(UTC).replace(microsecond=0),
        golden=tuple(_golden(checkpoint, text) for text in SENTENCES[:GOLDEN]),
    )


def _golden(checkpoint: Checkpoint, text: str) -> GoldenCase:
    logits = answer_in_torch(checkpoint, text)
    rows = [tuple(map(float, row)) for row in logits.reshape(-1, logits.shape[-1])]
    return GoldenCase(text=text, logits=rows[0] if logits.ndim == 1 else tuple(rows))


def _hash(path: Path) -> str:
    # Not export.bundle.package's hash, whose module imports scikit-learn and scipy.
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _graph_file(graph: Graph) -> GraphFile:
    slack = {"fp32": 0.0, "fp16": GOLDEN_DIFFERENCE}.get(graph.precision, 1.0)
    return GraphFile(
        file=graph.path.name,
        sha256=_hash(graph.path),
        bytes=graph.path.stat().st_size,
        kind=graph.kind,
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
