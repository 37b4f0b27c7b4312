"""Load a fine-tuned Hugging Face checkpoint, and refuse one that cannot be served."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from app.bundle import ProblemType, Task
from export.checkpoint.config import ModelConfig, read_config
from export.errors import CheckpointRefused

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
        weights_sha256: of the safetensors file, or of all shards in the order of their names.
    """

    path: Path
    config: ModelConfig
    model: PreTrainedModel = field(repr=False)
    tokenizer: PreTrainedTokenizerFast = field(repr=False)
    max_length: int
    pad_token_id: int
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
    weights_sha256 = hash_weights(path)
    tokenizer = _load_tokenizer(path)
    model = _load_model(path, config)
    pad = tokenizer.pad_token_id
    if pad is None:
        found = "its tokenizer has no padding token"
        raise CheckpointRefused(path, found, "set pad_token and save the tokenizer again")
    return Checkpoint(
        path=path,
        config=config,
        model=model,
        tokenizer=tokenizer,
        max_length=_max_length(path, model, tokenizer),
        pad_token_id=int(pad),
        weights_sha256=weights_sha256,
    )


def hash_weights(path: Path) -> str:
    """Return the sha256 of a checkpoint's safetensors; raise CheckpointRefused if it has none."""
    files = sorted(path.glob("model*.safetensors"))
    if not files:
        pickles = sorted(p.name for p in path.glob("*.bin"))
        found = f"only pickle ({', '.join(pickles)})" if pickles else "none"
        raise CheckpointRefused(
            path,
            f"weights in safetensors are needed, found {found}",
            "save them with model.save_pretrained(folder, safe_serialization=True)",
        )
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    remedy = "save a fast tokenizer (tokenizer.json) beside the weights"
    load: Any = AutoTokenizer.from_pretrained
    try:
        tokenizer = load(path, local_files_only=True, trust_remote_code=False)
    except Exception as exc:  # every tokenizer class raises its own parser's types
        found = f"its tokenizer does not load ({_first_line(exc)})"
        raise CheckpointRefused(path, found, remedy) from exc
    if not tokenizer.is_fast:
        found = f"{type(tokenizer).__name__} is not a fast tokenizer"
        raise CheckpointRefused(path, found, remedy)
    fast: PreTrainedTokenizerFast = tokenizer
    return fast


def _load_model(path: Path, config: ModelConfig) -> PreTrainedModel:
    try:
        model, info = LOADERS[config.task].from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as exc:
        found = f"its weights do not load ({_first_line(exc)})"
        raise CheckpointRefused(path, found, "save the checkpoint again") from exc
    if info["missing_keys"]:
        found = f"it has no weights for {', '.join(sorted(info['missing_keys'])[:3])}"
        raise CheckpointRefused(path, found, "fine-tune the classifier first: this is an encoder")
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            found = f"the weights of {name} contain NaN or infinity"
            raise CheckpointRefused(path, found, "train again with a lower learning rate")
    ready: PreTrainedModel = model.eval()
    return ready


def _max_length(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the most tokens that both the tokenizer and the position embeddings allow."""
    limits = [int(min(tokenizer.model_max_length, 65_536))]
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions:
        limits.append(int(positions) - _reserved_positions(model))
    if min(limits) < MIN_TOKENS:
        found = f"it reads at most {min(limits)} tokens"
        raise CheckpointRefused(path, found, f"at least {MIN_TOKENS} are needed")
    return min(limits)


def _reserved_positions(model: PreTrainedModel) -> int:
    """Count the positions that RoBERTa and its relatives never give to a token."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0


def _first_line(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
