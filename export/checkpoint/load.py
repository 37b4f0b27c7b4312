"""Load a fine-tuned Hugging Face checkpoint, and refuse one that cannot be served."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from app.bundle.base import ProblemType
from app.bundle.manifest import TokenizerSettings
from export.checkpoint.adapter import find_adapter, merge
from export.checkpoint.config import ModelConfig, describe, read_raw
from export.checkpoint.files import find_weights, hash_files
from export.checkpoint.folders import list_parents
from export.checkpoint.model import load_model
from export.checkpoint.tokenizer import (
    can_read_pairs,
    check_rows,
    find_tokenizer,
    load_tokenizer,
    read_settings,
)
from export.errors import CheckpointRefused
from offline.positions import usable_positions

MIN_TOKENS = 8


@dataclass(frozen=True, slots=True)
class CheckpointOptions:
    """What is said of a checkpoint beside its folder.

    Attributes:
        adapter: the folder of a PEFT adapter that is merged into it.
        tokenizer: the folder of its tokenizer; None looks where trainings leave it.
        problem_type: replaces the one in config.json, which some trainings leave out.
        labels: replace the names in config.json, in id order.
    """

    adapter: Path | None = None
    tokenizer: Path | None = None
    problem_type: ProblemType | None = None
    labels: tuple[str, ...] | None = None


AS_IT_LIES = CheckpointOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A classifier in PyTorch with its own fast tokenizer.

    Attributes:
        path: its folder, or that of the adapter.
        base: the folder of the model that an adapter was merged into.
        max_length: the most tokens that the model reads, special tokens included.
        reads_pairs: the model has a row for each type of a pair's tokens.
        weights_sha256: of the safetensors file, or of all shards in the order of their names; the
            adapter's is the last.
    """

    path: Path
    base: Path | None
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


def load_checkpoint(path: Path, options: CheckpointOptions = AS_IT_LIES) -> Checkpoint:
    """Load a checkpoint folder; raise CheckpointRefused with what was found and what would work."""
    adapter = find_adapter(path, options.adapter)
    if adapter is not None:
        path = adapter.path
        merged = merge(adapter)
        config = describe(path, merged.raw, options.problem_type, options.labels)
        files, model = merged.files, merged.model
        tokenizer = _load_tokenizer(options, [path, *list_parents(path), adapter.base])
    else:
        config = describe(path, read_raw(path), options.problem_type, options.labels)
        files = find_weights(path)
        tokenizer = _load_tokenizer(options, [path, *list_parents(path)])
        model = load_model(path, config.task, files)
    check_rows(path, tokenizer, model)
    return Checkpoint(
        path=path,
        base=adapter.base if adapter else None,
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


def _load_tokenizer(options: CheckpointOptions, places: list[Path]) -> PreTrainedTokenizerFast:
    return load_tokenizer(find_tokenizer([options.tokenizer] if options.tokenizer else places))


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
