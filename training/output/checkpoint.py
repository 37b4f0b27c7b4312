"""A checkpoint folder: weights, tokenizer, evaluation.json, report.md and eval.jsonl."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from training.errors import SettingError
from training.readers.examples import Example
from training.tasks.base import ClassifierTask


def load_tokenizer(base: Path, max_length: int) -> PreTrainedTokenizerBase:
    """Load the base's tokenizer and set its greatest length to the trained one."""
    if not (base / "config.json").is_file():
        raise SettingError(f"--base {base} has no config.json; name a Hugging Face model folder")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(base)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as exc:
        raise SettingError(f"--base {base} has no tokenizer that loads: {_line(exc)}") from exc
    if not tokenizer.is_fast:
        raise SettingError(f"--base {base} has no fast tokenizer; save its tokenizer.json")
    tokenizer.model_max_length = max_length
    return tokenizer


def load_model(
    base: Path, task: ClassifierTask, max_length: int, dropout: float | None
) -> PreTrainedModel:
    """Load the base encoder under a new head for the task's classes."""
    options: dict[str, Any] = dict(task.config)
    if not torch.cuda.is_available():
        # Torch's fused attention has no fast backward pass in bf16 on a CPU.
        options["attn_implementation"] = "eager"
    if dropout is not None:
        options |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    try:
        model: PreTrainedModel = task.model_class.from_pretrained(
            base,
            num_labels=len(task.classes),
            id2label=dict(enumerate(task.classes)),
            label2id={name: i for i, name in enumerate(task.classes)},
            ignore_mismatched_sizes=True,
            **options,
        )
    except (OSError, ValueError) as exc:
        raise SettingError(f"--base {base} does not load: {_line(exc)}") from exc
    longest = getattr(model.config, "max_position_embeddings", max_length)
    if max_length > longest:
        raise SettingError(
            f"--max-length {max_length} is more than the {longest} tokens of {base.name}; lower it"
        )
    return model


def check_writable(out: Path) -> None:
    """Raise SettingError if `out` holds something other than a checkpoint."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_checkpoint(out)):
        raise SettingError(f"--out {out} exists and is no checkpoint; name a new folder")


def write_checkpoint(
    out: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    evaluation: dict[str, Any],
    report: str,
    examples: Sequence[Example],
) -> None:
    """Write into a folder beside `out`, then rename it: an old checkpoint goes as a whole."""
    check_writable(out)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    text = json.dumps(evaluation, indent=2, ensure_ascii=False)
    (partial / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (partial / "report.md").write_text(report, encoding="utf-8")
    rows = (json.dumps(example.as_row(), ensure_ascii=False) for example in examples)
    (partial / "eval.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)


def _is_checkpoint(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _line(exc: Exception) -> str:
    return str(exc).strip().split("\n")[0]
