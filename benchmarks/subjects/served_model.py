"""The served model of a benchmark: one graph of one bundle."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bundle.base import Precision


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A bundle, and the precision that every contender serves.

    Attributes:
        title: its name in the report.
    """

    title: str
    bundle: Path
    precision: Precision

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.bundle / "manifest.json").read_text())
        return manifest

    @property
    def name(self) -> str:
        return self.bundle.parent.name

    @property
    def store(self) -> Path:
        return self.bundle.parent.parent

    @property
    def tokenizer(self) -> Path:
        return self.bundle / str(self.manifest["tokenizer"]["file"])

    @property
    def agreement(self) -> float:
        """Share of the texts of export's check on which the graph gives the checkpoint's label."""
        return float(self.manifest["graphs"][self.precision]["parity"]["agreement"])

    @property
    def batch_invariant(self) -> bool:
        return bool(self.manifest["graphs"][self.precision]["batch_invariant"])

    def environment(self, precision: Precision | None = None) -> dict[str, str]:
        """Return the BENCH_* variables that peers/model.py reads."""
        manifest = self.manifest
        graph = manifest["graphs"][precision or self.precision]["file"]
        return {
            "BENCH_GRAPH": str(self.bundle / graph),
            "BENCH_TOKENIZER": str(self.tokenizer),
            "BENCH_MAX_LENGTH": str(manifest["max_length"]),
            "BENCH_PAD_ID": str(manifest["pad_token_id"]),
            "BENCH_LABELS": ",".join(manifest["labels"]),
        }
