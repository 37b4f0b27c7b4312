"""Bundles small enough to be made on the spot: each logit is looked up by token."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from app.bundle.base import Task
from app.bundle.manifest import GoldenCase, GraphFile, Manifest, Source, TokenizerFile
from app.bundle.measured import Parity

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "good", "bad", "film", "Paris"]
GRAPH = "model.fp32.onnx"
LABELS: dict[Task, tuple[str, ...]] = {
    "sequence-classification": ("negative", "positive"),
    "token-classification": ("O", "B-LOC"),
}
PARITY = Parity(
    inputs=1,
    agreement=1.0,
    max_score_difference=0.0,
    batch_agreement=1.0,
    batch_max_score_difference=0.0,
    golden_max_score_difference=0.0,
)


def write_bundle(store: Path, name: str, version: int, task: Task) -> Path:
    """Write a bundle whose classifier looks at the first word alone, whatever is beside it."""
    table = _table(version)
    graph, tokenizer = _graph(table, task), _tokenizer()
    logits = [tuple(map(float, table[WORDS.index(word)])) for word in ("[CLS]", "good", "[SEP]")]
    golden = logits[1] if task == "sequence-classification" else tuple(logits)
    manifest = Manifest(
        name=name,
        version=version,
        task=task,
        problem_type="single_label",
        labels=LABELS[task],
        tag_scheme="BIO" if task == "token-classification" else None,
        max_length=16,
        pad_token_id=0,
        graphs={
            "fp32": GraphFile(
                file=GRAPH,
                sha256=hashlib.sha256(graph).hexdigest(),
                bytes=len(graph),
                inputs=("input_ids",),
                opset=17,
                batch_invariant=True,
                recipe="a table",
                parity=PARITY,
            )
        },
        tokenizer=TokenizerFile(sha256=hashlib.sha256(tokenizer).hexdigest(), bytes=len(tokenizer)),
        source=Source(
            checkpoint="none", weights_sha256="0" * 64, architecture="table", parameters=table.size
        ),
        tools={},
        created_at=datetime.now(UTC),
        golden=(GoldenCase(text="good", logits=golden),),
    )
    folder = store / name / str(version)
    folder.mkdir(parents=True)
    (folder / GRAPH).write_bytes(graph)
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return folder


def label_of(word: str, version: int) -> str:
    """Return what a classifier of this version says of a text that begins with one of WORDS."""
    return LABELS["sequence-classification"][int(_table(version)[WORDS.index(word)].argmax())]


def _table(version: int) -> np.ndarray:
    return np.random.default_rng(version).normal(size=(len(WORDS), 2)).astype(np.float32)


def _graph(table: np.ndarray, task: Task) -> bytes:
    pooled = task == "sequence-classification"
    rows = helper.make_node("Gather", ["table", "input_ids"], ["rows" if pooled else "logits"])
    first = helper.make_node("Gather", ["rows", "one"], ["logits"], axis=1)
    axes = ["batch", "labels"] if pooled else ["batch", "tokens", "labels"]
    graph = helper.make_graph(
        [rows, first] if pooled else [rows],
        "table",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, axes)],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array(1, np.int64), "one"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _tokenizer() -> bytes:
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return tokenizer.to_str().encode()
