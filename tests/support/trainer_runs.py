"""What transformers' own Trainer leaves in its output folder."""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)


def run_trainer(out: Path, checkpoint: Path, *, tokenizer: bool, best: bool = False) -> Path:
    """Train two steps, save both, and keep nothing in the folder itself.

    Args:
        tokenizer: hand it to the Trainer, which then saves it in every step's folder.
        best: evaluate each step, so that the Trainer notes the best.
    """
    words = AutoTokenizer.from_pretrained(checkpoint)
    rows: Any = [{**words(text), "labels": 0} for text in ("ba be", "bi bo")]
    arguments = TrainingArguments(
        str(out),
        max_steps=2,
        save_steps=1,
        eval_steps=1,
        eval_strategy="steps" if best else "no",
        load_best_model_at_end=best,
        # The loss falls with each step, so that the greatest is the first.
        greater_is_better=True if best else None,
        metric_for_best_model="loss" if best else None,
        learning_rate=0.01,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    collate = torch.utils.data.default_collate
    Trainer(
        model,
        arguments,
        data_collator=lambda rows: {
            key: collate([torch.tensor(row[key]) for row in rows]) for key in rows[0]
        },
        train_dataset=rows,
        eval_dataset=rows if best else None,
        processing_class=words if tokenizer else None,
    ).train()
    return out
