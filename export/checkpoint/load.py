"""Load a fine-tuned Hugging Face checkpoint, and refuse one that cannot be served."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from app.bundle import ProblemType, Task, TokenizerSettings
from export.checkpoint.config import ModelConfig, read_config
from export.checkpoint.files import find_weights, hash_files
from export.checkpoint.tokenizer import can_read_pairs, check_rows, load_tokenizer, read_settings
from export.checkpoint.weights import (
    check_names,
    first_line,
    read_header,
    refuse_not_finite,
)
from export.errors import CheckpointRefused
from offline.positions import usable_positions

LOADERS: dict[Task, Any] = {
    "sequence-classification": AutoModelForSequenceClassification,
    "token-classification": AutoModelForTokenClassification,
}
MIN_TOKENS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A classifier in PyTorch with its own fast tokenizer.

    Attributes:
        max_length: the most tokens that the model reads, special tokens included.
        reads_pairs: the model has a row for each type of a pair's tokens.
        weights_sha256: of the safetensors file, or of all shards in the order of their names.
    """

    path: Path
    config: ModelConfig
    model: PreTrainedModel = field(repr=False)
    tokenizer: PreTrainedTokenizerFast = field(repr=False)
    max_length: int
    pad_token_id: int
    tokenizer_settings: TokenizerSettings
    reads_pairs: bool
    weights_sha256: str

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def tokenizer_json(self) -> bytes:
        """The tokenizer, set up by the checkpoint's own code, in the format of tokenizer.json."""
        text: str = self.tokenizer.backend_tokenizer.to_str(pretty=False)
        return text.encode()


def load_checkpoint(path: Path, problem_type: ProblemType | None = None) -> Checkpoint:
    """Load a checkpoint folder; raise CheckpointRefused with what was found and what would work.

    Args:
        problem_type: replaces the config's own.
    """
    config = read_config(path, problem_type)
    files = find_weights(path)
    tokenizer = load_tokenizer(path)
    model = _load_model(path, config, files)
    check_rows(path, tokenizer, model)
    return Checkpoint(
        path=path,
        config=config,
        model=model,
        tokenizer=tokenizer,
        max_length=_max_length(path, model, tokenizer),
        pad_token_id=int(tokenizer.pad_token_id),
        reads_pairs=can_read_pairs(tokenizer, model),
        tokenizer_settings=read_settings(tokenizer),
        weights_sha256=hash_files(files),
    )


def limit_length(checkpoint: Checkpoint, tokens: int | None) -> Checkpoint:
    """Return the checkpoint with texts cut at this many tokens; None leaves it as it is.

    Raises:
        CheckpointRefused: it does not read as many, or they are too few for any text.
    """
    if tokens is None:
        return checkpoint
    if not MIN_TOKENS <= tokens <= checkpoint.max_length:
        raise CheckpointRefused(
            checkpoint.path,
            f"--max-length is {tokens}",
            f"take {MIN_TOKENS} to {checkpoint.max_length}, the most tokens that it reads",
        )
    return replace(checkpoint, max_length=tokens)


def _load_model(path: Path, config: ModelConfig, files: Sequence[Path]) -> PreTrainedModel:
    stored = read_header(path, files)
    try:
        model, info = LOADERS[config.task].from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # they are refused below, by their names
            output_loading_info=True,
        )
    except Exception as exc:  # configurations, models and loaders raise types of their own
        found = f"its {config.architecture} does not load ({type(exc).__name__}: {first_line(exc)})"
        raise CheckpointRefused(path, found, "correct config.json or save the model again") from exc
    check_names(path, model, info, stored)
    refuse_not_finite(path, model)
    _refuse_rotation(path, model)
    ready: PreTrainedModel = model.eval()
    return ready


def _refuse_rotation(path: Path, model: PreTrainedModel) -> None:
    """Refuse rotary positions as transformers 5 writes them, unless this version has the same.

    This one takes `rope_parameters` for a key of somebody's own, and its defaults instead.
    """
    settings = model.config.to_dict()
    given = settings.get("rope_parameters")
    if not isinstance(given, dict) or "rope_parameters" in type(model.config)().to_dict():
        return
    parts = [part for part in (given, *given.values()) if isinstance(part, dict)]
    bases = {part["rope_theta"] for part in parts if "rope_theta" in part}
    known = {value for key, value in settings.items() if key.endswith("rope_theta")}
    if not bases <= known or any(part.get("rope_type", "default") != "default" for part in parts):
        raise CheckpointRefused(
            path,
            f"config.json gives rotary positions as transformers 5 writes them ({given}), which "
            f"transformers {transformers.__version__} here does not read",
            "give them under the names of this version (rope_theta, ...), or install that one",
        )


def _max_length(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the most tokens that both the tokenizer and the position embeddings allow."""
    limits = [int(min(tokenizer.model_max_length, 65_536))]
    positions = usable_positions(model)
    if positions is not None:
        limits.append(positions)
    if min(limits) < MIN_TOKENS:
        found = f"it reads at most {min(limits)} tokens"
        raise CheckpointRefused(path, found, f"at least {MIN_TOKENS} are needed")
    return min(limits)
