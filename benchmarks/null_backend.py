"""Classmark with a model that takes no time: what is left is HTTP, encoding and the way between.

`python -m benchmarks.null_backend FRONT_ENDS` serves like `python -m app`: 0 from one process,
otherwise from an engine process with that many front ends.
"""

import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import tokenizers

from app import python_tuning
from app.bundle import GraphFile, Manifest
from app.engine.backends.base import CPU_WARM_UP_SHAPES, PADDED, Backend, Mode, Session
from app.engine.batching.executors import available_cpus
from app.engine.text.encoding import Encoding, Logits
from app.settings import Settings
from app.telemetry.logging import configure_logging

NAME = "null"
LABELS = ("negative", "positive")
WORDS = ("a", "squad", "of", "misfits", ",", "and", "still", "great", "fun", ".", "film", "plot")
CHILD = "--child"


class NullSession:
    """Answers at once, always the same."""

    execution = PADDED

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        return list(np.zeros((len(encodings), len(LABELS)), dtype=np.float32))


class NullBackend:
    """Loads whatever it is given."""

    name = "null"
    provider = "CPUExecutionProvider"
    modes: tuple[Mode, ...] = (Mode("fp32"),)
    warm_up_shapes = CPU_WARM_UP_SHAPES

    @property
    def executors(self) -> int:
        return available_cpus()

    def keeps_invariance(self, mode: Mode) -> bool:
        return True

    def load(self, data: bytes, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        return NullSession()


def make_backends(_: Settings) -> Sequence[Backend]:
    return [NullBackend()]


def write_bundle(store: Path) -> None:
    """Write a bundle that only this backend can run, and whose golden case it answers rightly."""
    folder = store / NAME / "1"
    folder.mkdir(parents=True, exist_ok=True)
    graph, tokenizer = b"no graph", _tokenizer().encode()
    (folder / "model.fp32.onnx").write_bytes(graph)
    (folder / "tokenizer.json").write_bytes(tokenizer)
    parity = {
        "inputs": 1,
        "agreement": 1.0,
        "max_score_difference": 0.0,
        "batch_agreement": 1.0,
        "batch_max_score_difference": 0.0,
        "golden_max_score_difference": 0.0,
    }
    manifest = {
        "name": NAME,
        "version": 1,
        "task": "sequence-classification",
        "problem_type": "single_label",
        "labels": LABELS,
        "max_length": 128,
        "pad_token_id": 0,
        "graphs": {
            "fp32": {
                **_file("model.fp32.onnx", graph),
                "inputs": ("input_ids", "attention_mask", "token_type_ids"),
                "opset": 17,
                "batch_invariant": True,
                "recipe": "none",
                "parity": parity,
            }
        },
        "tokenizer": _file("tokenizer.json", tokenizer),
        "source": {
            "checkpoint": NAME,
            "weights_sha256": hashlib.sha256(b"").hexdigest(),
            "architecture": "none",
            "parameters": 1,
        },
        "tools": {},
        "created_at": datetime.now(UTC),
        "golden": [{"text": "a squad of misfits", "logits": (0.0, 0.0)}],
    }
    (folder / "manifest.json").write_text(Manifest.model_validate(manifest).model_dump_json())


def _file(name: str, data: bytes) -> dict[str, object]:
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _tokenizer() -> str:
    """Return a word-piece tokenizer of letters, with a few words whole."""
    letters = [chr(c) for c in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *letters, *(f"##{c}" for c in letters)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer()
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    text: str = made.to_str()
    return text


def main() -> int:
    if CHILD in sys.argv:
        from app.workers.__main__ import main as be_child

        return be_child(make_backends)
    front_ends = int(sys.argv[1])
    if front_ends:
        from app.workers.supervisor.supervisor import Supervisor

        settings = Settings(workers=front_ends)
        configure_logging("text", "info", "supervisor")
        return Supervisor(settings, (sys.executable, "-m", "benchmarks.null_backend", CHILD)).run()
    from app.main import create_app, with_middleware
    from app.server import Server, make_config

    settings = Settings()
    configure_logging("text", "info")
    python_tuning.tune()
    app = create_app(settings, [NullBackend()])
    Server(make_config(with_middleware(app), app.state.service), app.state.service).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
