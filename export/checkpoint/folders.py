"""Tell what a folder without config.json or weights is instead, and what to give in its place."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from export.errors import CheckpointRefused

# As transformers' Trainer names what it saves on its way.
STEP = re.compile(r"checkpoint-(\d+)")
CONFIGS = ("config.json", "adapter_config.json")


def list_parents(path: Path) -> list[Path]:
    """Return the folder of the training that saved this one on its way, if one did."""
    whole = path.resolve()
    return [whole.parent] if STEP.fullmatch(whole.name) else []


def refuse_folder(path: Path, lacks: str) -> NoReturn:
    """Raise CheckpointRefused with what the folder has in place of what it lacks."""
    if steps := _steps(path):
        best = _best(steps)
        raise CheckpointRefused(
            path,
            f"it has no {lacks}, but checkpoints of a training in folders of their own "
            f"({', '.join(one.name for one in steps)})",
            f"give one of them, e.g. {best or steps[-1]}, the {'best' if best else 'last'}",
        )
    if graphs := [str(one.relative_to(path)) for one in _graphs(path)]:
        shown = ", ".join(graphs[:3]) + (", ..." if len(graphs) > 3 else "")
        raise CheckpointRefused(
            path,
            f"it has ONNX weights alone ({shown}), and no {lacks}",
            "give the PyTorch checkpoint that they were made from: export makes graphs of its own "
            "and compares them with it",
        )
    others = ", ".join(one.name for one in _other_weights(path))
    raise CheckpointRefused(
        path,
        f"it has no {lacks}" + f", but weights of another format ({others})" * bool(others),
        "give a folder that model.save_pretrained(folder, safe_serialization=True) wrote",
    )


def _steps(path: Path) -> list[Path]:
    """Return the checkpoints that a Trainer saved on its way, the last one last."""
    found = {
        int(match[1]): item
        for item in path.iterdir()
        if (match := STEP.fullmatch(item.name)) and any((item / name).exists() for name in CONFIGS)
    }
    return [found[number] for number in sorted(found)]


def _best(steps: list[Path]) -> Path | None:
    """Return the one that the training itself noted as its best."""
    try:
        state = json.loads((steps[-1] / "trainer_state.json").read_bytes())
        named = Path(state["best_model_checkpoint"]).name
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return next((one for one in steps if one.name == named), None)


def _graphs(path: Path) -> Iterator[Path]:
    for pattern in ("*.onnx", "onnx/*.onnx"):
        yield from sorted(path.glob(pattern))


def _other_weights(path: Path) -> Iterator[Path]:
    for pattern in ("pytorch_model*.bin", "flax_model*.msgpack", "tf_model*.h5"):
        yield from sorted(path.glob(pattern))
