"""Load a checkpoint's own fast tokenizer, and hold its ids against the model's embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers
from torch import nn
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from app.bundle.manifest import TokenizerSettings
from export.checkpoint.config import read_json, refuse_custom_code
from export.checkpoint.files import refuse_pointers
from export.checkpoint.weights import first_line
from export.errors import CheckpointRefused

SETTINGS = "tokenizer_config.json"
# The class that transformers 5 names for whatever tokenizer.json describes in full.
ANY_BACKEND = "TokenizersBackend"
VOCABULARIES = ("tokenizer.json", "vocab.*", "merges.txt", "*.model", "*.codes")
SAVE_FAST = "save a fast tokenizer (tokenizer.json) beside the weights"


def find_tokenizer(places: Sequence[Path]) -> Path:
    """Return the first folder with a tokenizer; raise CheckpointRefused if there is none."""
    for place in places:
        if any(one for pattern in VOCABULARIES for one in place.glob(pattern)):
            return place
    raise CheckpointRefused(
        places[0],
        "it has no tokenizer.json and no vocabulary",
        "export it with --tokenizer DIR, the folder of the tokenizer that it was trained with, or "
        f"add tokenizer.save_pretrained({str(places[0])!r}) to the training script, or "
        "processing_class=tokenizer to its Trainer",
    )


def load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer; raise CheckpointRefused if it is slow or cannot pad."""
    refuse_pointers(path)
    settings = read_json(path, SETTINGS) if (path / SETTINGS).exists() else {}
    refuse_custom_code(path, SETTINGS, settings)
    whole = (path / "tokenizer.json").exists()
    kind: Any = AutoTokenizer
    if whole and settings.get("tokenizer_class") == ANY_BACKEND:
        kind = PreTrainedTokenizerFast
    try:
        tokenizer = kind.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, **_renamed(settings)
        )
    except Exception as exc:  # every tokenizer class raises its own parser's types
        reason = f" ({type(exc).__name__}: {first_line(exc)})" if whole else ""
        found = f"its tokenizer does not load{reason}"
        raise CheckpointRefused(path, found, _remedy(path, settings, whole=whole)) from exc
    if not tokenizer.is_fast:
        found = f"{type(tokenizer).__name__} is not a fast tokenizer"
        raise CheckpointRefused(path, found, SAVE_FAST)
    if tokenizer.pad_token_id is None:
        found = "its tokenizer has no padding token"
        raise CheckpointRefused(path, found, "set pad_token and save the tokenizer again")
    fast: PreTrainedTokenizerFast = tokenizer
    return fast


def read_settings(tokenizer: PreTrainedTokenizerFast) -> TokenizerSettings:
    """Return the settings that tokenizer.json does not hold and that change what is read."""
    return TokenizerSettings(
        split_special_tokens=tokenizer.split_special_tokens,
        truncation_side=tokenizer.truncation_side,
        token_types="token_type_ids" in tokenizer.model_input_names,
        unknown_id=-1 if tokenizer.unk_token_id is None else int(tokenizer.unk_token_id),
    )


def can_read_pairs(tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> bool:
    """Tell whether the model has a row for each type that its tokenizer gives a pair's tokens."""
    rows = type_rows(model)
    if not rows or "token_type_ids" not in tokenizer.model_input_names:
        return True
    frame = tokenizer.backend_tokenizer.encode("", "")  # special tokens alone
    return max(frame.type_ids, default=0) < rows


def type_rows(model: PreTrainedModel) -> int:
    """Return how many token types the model tells apart; 0 if it knows none."""
    for name, module in model.named_modules():
        if name.endswith("token_type_embeddings") and isinstance(module, nn.Embedding):
            return module.num_embeddings
    return 0


def check_rows(path: Path, tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> None:
    """Raise CheckpointRefused if the tokenizer gives ids that the model's embeddings lack."""
    try:
        embeddings = model.get_input_embeddings()
    except NotImplementedError:
        return
    if not isinstance(embeddings, nn.Embedding):
        return
    rows = embeddings.num_embeddings
    beyond = sorted(
        (number, token) for token, number in tokenizer.get_vocab().items() if number >= rows
    )
    if beyond:
        shown = ", ".join(token for _, token in beyond[:3]) + (", ..." if len(beyond) > 3 else "")
        raise CheckpointRefused(
            path,
            f"its tokenizer has {len(beyond)} tokens ({shown}) with ids up to {beyond[-1][0]} and "
            f"the embeddings have {rows} rows",
            "call model.resize_token_embeddings(len(tokenizer)), train those rows and save again, "
            "or save the tokenizer that the model was trained with",
        )


def _renamed(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what transformers 5 writes under another name as this version takes it."""
    extra = settings.get("extra_special_tokens")
    if not isinstance(extra, list):
        return {}
    return {"extra_special_tokens": {}, "additional_special_tokens": extra}


def _remedy(path: Path, settings: dict[str, Any], *, whole: bool) -> str:
    models = sorted(one.name for one in path.glob("*.model"))
    if models and not whole:
        return (
            f"{models[0]} alone is there: where sentencepiece, tiktoken and protobuf are "
            "installed, load it with AutoTokenizer and save_pretrained writes tokenizer.json"
        )
    if whole:
        named = settings.get("tokenizer_class", "no tokenizer_class")
        return (
            f"{SETTINGS} names {named}: tokenizer.json or that class is of another version, save "
            f"both again with transformers {transformers.__version__}"
        )
    return SAVE_FAST
