"""Tokenized examples as a torch data set."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch.utils.data import Dataset

# Steps of 8 keep the number of different shapes small: each new one costs a kernel.
PAD_TO = 8


class Collator(Protocol):
    """Pads a list of features to one batch."""

    def __call__(self, features: list[dict[str, Any]]) -> Mapping[str, torch.Tensor]: ...


class Features(Dataset[dict[str, Any]]):
    """Model inputs and labels by name, one unpadded dictionary for each example."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self.rows = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    def lengths(self) -> list[int]:
        """Return the number of tokens of each example."""
        return [len(row["input_ids"]) for row in self.rows]
