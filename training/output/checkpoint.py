"""A checkpoint folder: weights, tokenizer, evaluation.json, report.md and eval.jsonl."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from offline.positions import usable_positions
from offline.readers.examples import Example
from training.errors import SettingError
from training.tasks.base import ClassifierTask

# Lists what training wrote into a folder; nothing else is ever removed.
MARKER = "training-files.json"


def load_tokenizer(base: Path, max_length: int) -> PreTrainedTokenizerBase:
    """Load the base's tokenizer and set its greatest length to the trained one."""
    if not (base / "config.json").is_file():
        raise SettingError(
            f"--base {base} has no config.json; name a Hugging Face model folder "
            "(docs/training.md says where one comes from)"
        )
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
    longest = usable_positions(model)
    if longest is not None and max_length > longest:
        raise SettingError(
            f"--max-length {max_length} is more than the {longest} tokens of {base.name}; lower it"
        )
    return model


def check_writable(out: Path, base: Path) -> None:
    """Raise SettingError unless `out` is new, empty, or wholly written by this program before.

    Args:
        base: the encoder's folder, which is read and never written.
    """
    if out.resolve() in (base.resolve(), *base.resolve().parents):
        raise SettingError(f"--out {out} holds the base encoder {base}; name a new folder")
    if out.is_file():
        raise SettingError(f"--out {out} is a file; name a new folder")
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    foreign = sorted(found - {MARKER, *_read_marker(out)})
    if foreign:
        shown = ", ".join(foreign[:5])
        raise SettingError(
            f"--out {out} has files that training did not write there ({shown}); name a new folder"
        )


def write_checkpoint(
    out: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    evaluation: dict[str, Any],
    report: str,
    examples: Sequence[Example],
    base: Path,
) -> None:
    """Write into a new folder beside `out`, then rename it; an old checkpoint goes after that."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    partial.chmod(0o755)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    text = json.dumps(evaluation, indent=2, ensure_ascii=False)
    (partial / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (partial / "report.md").write_text(report, encoding="utf-8")
    rows = (json.dumps(example.as_row(), ensure_ascii=False) for example in examples)
    (partial / "eval.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    written = sorted(path.name for path in partial.iterdir())
    (partial / MARKER).write_text(json.dumps({"files": written}, indent=2) + "\n")
    check_writable(out, base)  # again: training took a while
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    if out.exists():
        out.rename(old / out.name)
    partial.rename(out)
    shutil.rmtree(old)


def _read_marker(folder: Path) -> list[str]:
    """Return the files that this program wrote into a folder, by its own list."""
    try:
        files = json.loads((folder / MARKER).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _line(exc: Exception) -> str:
    return str(exc).strip().split("\n")[0]
