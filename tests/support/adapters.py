"""Tiny PEFT adapters with random weights, trained on nothing but different from their base."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

LOADERS: dict[str | None, Any] = {
    "SEQ_CLS": AutoModelForSequenceClassification,
    "TOKEN_CLS": AutoModelForTokenClassification,
    None: AutoModelForSequenceClassification,
}


def make_encoder(folder: Path, checkpoint: Path) -> Path:
    """Save the encoder of a checkpoint with its tokenizer, as a base for adapters."""
    model = AutoModel.from_pretrained(checkpoint)
    model.config.id2label = {0: "LABEL_0", 1: "LABEL_1"}  # what published encoders say
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


def make_adapter(
    folder: Path, base: Path, labels: int = 4, task: str | None = "SEQ_CLS", **settings: Any
) -> Path:
    """Save a LoRA adapter of queries and values; with a task, the head is part of it."""
    torch.manual_seed(3)
    model = LOADERS[task].from_pretrained(base, num_labels=labels, ignore_mismatched_sizes=True)
    targets = {"target_modules": ["query", "value"], "r": 4} | settings
    adapted = get_peft_model(model, LoraConfig(task_type=task, **targets))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                parameter.copy_(torch.randn(parameter.shape) * 0.5)
    adapted.save_pretrained(folder)
    return folder


def adapter_logits(base: Path, adapter: Path, text: str, labels: int = 4) -> torch.Tensor:
    """Return what PEFT itself answers with the adapter beside the base, not merged."""
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels)
    adapted = PeftModel.from_pretrained(model, adapter).eval()
    features = AutoTokenizer.from_pretrained(base)(text, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        logits: torch.Tensor = adapted(**features).logits[0]
    return logits
