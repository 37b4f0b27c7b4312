"""Tokenized examples as a torch data set."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import BatchEncoding

# Steps of 8 keep the number of different shapes small: each new one costs a kernel.
PAD_TO = 8

# Pads a list of features to one batch.
Collator = Callable[[list[dict[str, Any]]], Mapping[str, torch.Tensor]]


def pad_to(max_length: int) -> int | None:
    """Return the multiple to pad to; None where it could pad beyond `max_length`."""
    return PAD_TO if max_length % PAD_TO == 0 else None


class Features(Dataset[dict[str, Any]]):
    """Model inputs and labels by name, one unpadded dictionary for each example.

    Attributes:
        cut: the number of texts that are longer than the greatest length.
    """

    def __init__(self, rows: Iterable[dict[str, Any]], cut: int) -> None:
        self.rows = list(rows)
        self.cut = cut

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    @property
    def cut_share(self) -> float:
        return self.cut / max(1, len(self.rows))

    def lengths(self) -> list[int]:
        """Return the number of tokens of each example."""
        return [len(row["input_ids"]) for row in self.rows]


def count_cut(encoded: BatchEncoding) -> int:
    """Return how many of the tokenized texts were cut."""
    return sum(bool(one.overflowing) for one in encoded.encodings or ())
