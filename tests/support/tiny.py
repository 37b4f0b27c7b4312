"""Tiny random BERT checkpoints, made on the spot: a real architecture and tokenizer."""

import string
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS = """
the a of in and to is was he she it good bad great film movie plot bank rates goal match minister
angela merkel paris berlin apple google london john smith met visited opened new store said works
for un ##s ##ed ##ing ##er ##able ##ly ##burg ##ton
""".split()  # noqa: SIM905
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SEQUENCE_LABELS = ("negative", "neutral", "positive")
TOKEN_LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def make_checkpoint(
    folder: Path, labels: tuple[str, ...] = SEQUENCE_LABELS, seed: int = 0, **config: Any
) -> Path:
    """Save a 2-layer BERT of width 32; token classification if the labels are tags."""
    import torch
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertTokenizerFast,
    )

    folder.mkdir(parents=True)
    characters = [*string.ascii_lowercase, *string.digits, *string.punctuation, *"你好世界中国北京"]
    inner = [f"##{c}" for c in string.ascii_lowercase + string.digits]
    vocab = list(dict.fromkeys(SPECIAL + WORDS + characters + inner))
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64)
    torch.manual_seed(seed)
    settings = BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.6,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        **config,
    )
    kind = BertForTokenClassification if "O" in labels else BertForSequenceClassification
    kind(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def export_bundles(store: Path, bundles: Sequence[tuple[Path, str, int]]) -> None:
    """Export (checkpoint, name, version) through the product's own command, in one process."""
    commands = [
        [str(checkpoint), "--name", name, "--version", str(version)]
        + ["--store", str(store), "--precision", "fp32"]
        for checkpoint, name, version in bundles
    ]
    code = (
        "import sys; from export.__main__ import main; "
        f"sys.exit(any(main(command) for command in {commands!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"export failed:\n{done.stdout}\n{done.stderr}")
