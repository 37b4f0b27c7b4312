"""Change a checkpoint folder: a key of a JSON file, or its weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Weights = dict[str, torch.Tensor]


def edit(path: Path, name: str, **changes: Any) -> None:
    """Change keys of a JSON file; None removes one."""
    content = json.loads((path / name).read_text())
    kept = {key: value for key, value in {**content, **changes}.items() if value is not None}
    (path / name).write_text(json.dumps(kept))


def edit_weights(
    path: Path, change: Callable[[Weights], object], framework: str | None = "pt"
) -> None:
    """Change the weights in place, and what their file says of the framework."""
    weights = load_file(path / "model.safetensors")
    change(weights)
    metadata = None if framework is None else {"format": framework}
    save_file(weights, path / "model.safetensors", metadata)


def rename_weights(path: Path, rename: Callable[[str], str]) -> None:
    """Give every weight another name."""
    weights = load_file(path / "model.safetensors")
    renamed = {rename(name): weight for name, weight in weights.items()}
    save_file(renamed, path / "model.safetensors", {"format": "pt"})
