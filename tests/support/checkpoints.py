"""Make tiny random checkpoints: a family's real architecture, and weights with varied answers."""

import inspect
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from app.bundle.base import Task
from export.checkpoint.model import LOADERS
from export.reference.sample_texts import SENTENCES
from tests.support.families import Family
from tests.support.vocabularies import train_tokenizer

LABELS: dict[Task, tuple[str, ...]] = {
    "sequence-classification": ("negative", "neutral", "positive"),
    "token-classification": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
}
SEED = 7
# Times the gain that keeps the variance of activations from layer to layer.
GAIN = 1.5
BIAS_SPREAD = 0.1
LOGIT_SPREAD = 2.0


def make_checkpoint(family: Family, task: Task, folder: Path, spread: float = LOGIT_SPREAD) -> Path:
    """Save a random classifier of the family with a tokenizer of its kind.

    Args:
        spread: standard deviation of its logits over the texts.
    """
    trained = train_tokenizer(family.vocabulary, SENTENCES)
    wrap: Any = getattr(transformers, family.tokenizer)
    tokenizer = wrap(tokenizer_object=trained, **family.vocabulary.roles)
    labels = LABELS[task]
    config = AutoConfig.for_model(
        family.name,
        **({"vocab_size": len(tokenizer)} | family.sizes),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model: PreTrainedModel = LOADERS[task].from_config(config)
    _spread_weights(model)
    model.train(False)
    _spread_answers(model, tokenizer, spread)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _spread_weights(model: PreTrainedModel) -> None:
    """Draw weights, biases and norms, wide enough that answers differ from text to text."""
    lot = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                drawn = torch.randn(parameter.shape, generator=lot)
                if isinstance(module, nn.Embedding):
                    parameter.copy_(drawn)
                elif parameter.ndim > 1:
                    parameter.copy_(drawn * GAIN / parameter.shape[-1] ** 0.5)
                else:
                    middle = 1.0 if isinstance(module, nn.LayerNorm) and name == "weight" else 0.0
                    parameter.copy_(middle + drawn * BIAS_SPREAD)


def _spread_answers(model: PreTrainedModel, tokenizer: Any, spread: float) -> None:
    """Shift and scale the head until its logits, over all texts, have the mean 0 and one spread."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    head = [layer for layer in layers if layer.out_features == model.config.num_labels][-1]
    with torch.inference_mode():
        answers = [model(**_features(model, tokenizer, text)).logits for text in SENTENCES]
        logits = torch.cat([answer.reshape(-1, head.out_features) for answer in answers])
        mean, scale = logits.mean(dim=0), spread / logits.std(dim=0)
        if head.bias is not None:  # GPT-2's has none
            head.bias.copy_((head.bias - mean) * scale)
        head.weight.mul_(scale[:, None])


def _features(model: PreTrainedModel, tokenizer: Any, text: str) -> dict[str, torch.Tensor]:
    known = inspect.signature(model.forward).parameters
    return {k: v for k, v in tokenizer(text, return_tensors="pt").items() if k in known}
