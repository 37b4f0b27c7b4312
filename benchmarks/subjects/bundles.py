"""The bundles of a benchmark, made once and kept under build/bench, each in its own store.

Classmark loads a whole store, but should hold no more in memory than the others.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.subjects.served_model import ServedModel

MAX_TOKENS = 512


def minilm(checkpoint: Path, folder: Path, agreement: float | None = None) -> ServedModel:
    """Return the demo's sentiment model, int8, with 512 tokens instead of the demo's 64.

    Args:
        agreement: share of the checkpoint's labels to keep; None: export's own gate.
    """
    name, title = "minilm", "MiniLM-L6 sentiment"
    if agreement is not None:
        name, title = "minilm-strict", f"{title} (agreement of {agreement:.1%} asked for)"
    served = ServedModel(title, folder / "stores" / name / name / "1", "int8")
    if not (served.bundle / "manifest.json").exists():
        if not (checkpoint / "eval.jsonl").exists():
            raise BenchmarkError(
                f"there is no demo checkpoint in {checkpoint}; make it with `make models`"
            )
        copy = folder / "checkpoints" / "minilm"
        shutil.copytree(checkpoint, copy, dirs_exist_ok=True)
        _read_more(copy / "tokenizer_config.json")
        asked = [] if agreement is None else ["--tolerance", f"int8.agreement={agreement}"]
        _export(copy, served, "--eval", str(copy / "eval.jsonl"), *asked)
    return served


def base(tokenizer: Path, folder: Path) -> ServedModel:
    """Return a classifier of BERT-base's size with random weights, int8.

    Random weights make labels near ties, so that int8 would miss its gate of agreement. The gate is
    lifted, because only speed is measured.
    """
    served = ServedModel(
        "BERT-base, random weights", folder / "stores" / "base" / "base" / "1", "int8"
    )
    if not (served.bundle / "manifest.json").exists():
        copy = folder / "checkpoints" / "base"
        _write_random_base(tokenizer, copy)
        tolerances = ["int8.agreement=0", "int8.score_difference=1", "int8.metric_loss=1"]
        _export(copy, served, *(word for one in tolerances for word in ("--tolerance", one)))
    return served


def _write_random_base(tokenizer: Path, target: Path) -> None:
    # Imported here: torch and transformers take seconds, once.
    import torch
    import transformers

    library: Any = transformers  # its own annotations are partial
    torch.manual_seed(0)
    names = {0: "negative", 1: "positive"}
    config = library.BertConfig(id2label=names, label2id={name: i for i, name in names.items()})
    library.BertForSequenceClassification(config).save_pretrained(target)
    library.AutoTokenizer.from_pretrained(tokenizer).save_pretrained(target)
    _read_more(target / "tokenizer_config.json")


def _read_more(path: Path) -> None:
    config = json.loads(path.read_text())
    config.pop("max_length", None)
    path.write_text(json.dumps(config | {"model_max_length": MAX_TOKENS}))


def _export(checkpoint: Path, served: ServedModel, *options: str) -> None:
    command = [
        sys.executable, "-m", "export", str(checkpoint), "--name", served.name, "--version", "1",
        "--store", str(served.store), "--precision", "fp32", "--precision", served.precision,
        "--no-calibration", *options,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(
            f"the export of {checkpoint} ended with {done.returncode}: "
            f"{(done.stderr or done.stdout).strip()[-500:]}; to see why, run "
            f"`{' '.join(command[1:])}`"
        )
