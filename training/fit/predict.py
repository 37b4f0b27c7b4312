"""Logits of a model on features, in full precision and in the features' order."""

import numpy as np
import torch
from transformers import PreTrainedModel

from training.tasks.features import Collator, Features

BATCH_SIZE = 16


def predict(model: PreTrainedModel, features: Features, collator: Collator) -> list[np.ndarray]:
    """Return one array for each example: (labels,), or (tokens, labels) of a tagger."""
    lengths = features.lengths()
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    logits: list[np.ndarray] = [np.empty(0)] * len(lengths)
    device = next(model.parameters()).device
    was_training = model.training
    model.train(False)
    with torch.inference_mode():
        for first in range(0, len(order), BATCH_SIZE):
            chosen = order[first : first + BATCH_SIZE]
            batch = collator([features[i] for i in chosen])
            inputs = {k: v.to(device) for k, v in batch.items() if k != "labels"}
            values = model(**inputs).logits.float().cpu().numpy()
            for i, row in zip(chosen, values, strict=True):
                logits[i] = row[: lengths[i]] if row.ndim == 2 else row
    model.train(was_training)
    return logits
