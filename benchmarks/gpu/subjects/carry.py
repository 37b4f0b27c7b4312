"""`python -m benchmarks.gpu.subjects.carry CHECKPOINT FOLDER`: a trained BERT, small.

It keeps the word pieces of its evaluation texts alone, so that these are encoded as before, and its
weights in fp16. What answers are compared with is this checkpoint, computed in fp32.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from export.checkpoint.load import load_checkpoint

TEXTS = 200
SOURCES = "eval.jsonl"


def carry(source: Path, target: Path) -> None:
    checkpoint = load_checkpoint(source)
    model: Any = checkpoint.model
    rows = (source / SOURCES).read_text().splitlines()[:TEXTS]
    used = set(checkpoint.tokenizer.all_special_ids)
    for row in rows:
        used |= set(checkpoint.tokenizer(json.loads(row)["text"])["input_ids"])
    kept = sorted(used)
    words = model.get_input_embeddings()
    smaller = torch.nn.Embedding(len(kept), words.weight.shape[1], padding_idx=0)
    smaller.weight.data = words.weight.data[kept]
    model.set_input_embeddings(smaller)
    model.config.vocab_size = len(kept)
    model.half().save_pretrained(target)
    checkpoint.tokenizer.save_pretrained(target)
    _keep_pieces(target / "tokenizer.json", {old: new for new, old in enumerate(kept)})
    (target / SOURCES).write_text("\n".join(rows) + "\n")


def _keep_pieces(path: Path, numbers: dict[int, int]) -> None:
    """Leave the other pieces out of a WordPiece tokenizer's file, and number those that stay."""
    spec = json.loads(path.read_text())
    vocabulary = spec["model"]["vocab"]
    spec["model"]["vocab"] = {p: numbers[n] for p, n in vocabulary.items() if n in numbers}
    for one in spec["added_tokens"]:
        one["id"] = numbers[one["id"]]
    for one in spec["post_processor"].get("special_tokens", {}).values():
        one["ids"] = [numbers[n] for n in one["ids"]]
    for end in ("sep", "cls"):
        if end in spec["post_processor"]:
            spec["post_processor"][end][1] = numbers[spec["post_processor"][end][1]]
    path.write_text(json.dumps(spec))


if __name__ == "__main__":
    carry(Path(sys.argv[1]), Path(sys.argv[2]))
