"""Hold the names of a checkpoint's weights against those that the loaded class reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from export.errors import CheckpointRefused

ADAPTER_REMEDY = (
    "merge it with merge_and_unload() and save that with save_pretrained, or save the PeftModel "
    "itself with save_pretrained and give that folder as --adapter"
)
QUANTIZED_REMEDY = (
    "give the fine-tuned weights as they were before, in fp32, fp16 or bf16; export makes int8 "
    "itself"
)
# Formats of values that load without a library for quantized ones.
PLAIN = {"F64", "F32", "F16", "BF16", "I64", "I32", "BOOL"}
# What a wrapper puts before every name: DataParallel, torch.compile, PEFT, Lightning.
WRAPPERS = re.compile(r"^((module|_orig_mod|base_model\.model|model|net|network)\.)+")
# Weights outside the encoder that a classifier does not read: heads of its pretraining. They do
# not change its answers.
PRETRAINING = re.compile(
    r"cls\.(predictions|seq_relationship)\.|lm_head\.|vocab_(transform|layer_norm|projector)\."
    r"|(generator|discriminator)_predictions\.|generator_lm_head\.|lm_predictions\.lm_head\."
    r"|mask_predictions\.|predictions\.(dense|LayerNorm|decoder|bias)|sop_classifier\."
    r"|pred_layer\.|lm_loss\."
)
# Constants that older versions saved, and that the class computes from its config.
CONSTANTS = re.compile(
    r"(^|\.)(position_ids|token_type_ids|relative_position_index|rotary_emb\.inv_freq"
    r"|attn\.(masked_)?bias|attention\.masked_bias)$"
)


class StoredWeight(NamedTuple):
    """What a file says of a weight: the format of its values, e.g. `F32`, and its shape."""

    format: str
    shape: tuple[int, ...]


def read_header(path: Path, files: Iterable[Path]) -> dict[str, StoredWeight]:
    """Return every weight of the files by its name; no value is read.

    Raises:
        CheckpointRefused: a file is damaged, of another framework, or holds quantized weights.
    """
    stored: dict[str, StoredWeight] = {}
    for file in files:
        try:
            with safe_open(file, "pt") as opened:
                framework = (opened.metadata() or {}).get("format", "pt")
                for name in opened.keys():  # noqa: SIM118
                    weight = opened.get_slice(name)
                    stored[name] = StoredWeight(weight.get_dtype(), tuple(weight.get_shape()))
        except (SafetensorError, OSError) as exc:
            found = f"{file.name} is damaged or cut short ({first_line(exc)})"
            raise CheckpointRefused(path, found, "copy or download it again") from exc
        if framework not in ("pt", "mlx"):
            raise CheckpointRefused(
                path,
                f"{file.name} holds weights of {framework}",
                f"load them with from_pretrained(folder, from_{framework}=True) and save them with "
                "save_pretrained from PyTorch",
            )
    if strange := [name for name, weight in stored.items() if weight.format not in PLAIN]:
        found = f"{len(strange)} weights are {stored[strange[0]].format} ({some(strange)})"
        raise CheckpointRefused(path, found, QUANTIZED_REMEDY)
    return stored


def check_names(
    path: Path,
    model: PreTrainedModel,
    info: Mapping[str, Any],
    stored: Mapping[str, StoredWeight],
) -> None:
    """Refuse a checkpoint whose weights are not exactly those that its class reads.

    Args:
        info: the loading info of transformers.
        stored: all weights in the files.

    Raises:
        CheckpointRefused: weights differ in size, are missing, or are not read.
    """
    _refuse_sizes(path, model, info["mismatched_keys"], stored)
    unread = _unread(model, info["unexpected_keys"], stored)
    if info["missing_keys"]:
        _refuse_missing(path, model, sorted(info["missing_keys"]), unread)
    if unread:
        raise CheckpointRefused(
            path,
            f"{type(model).__name__} does not read {len(unread)} of its weights "
            f"({some(unread)}), so it would answer without them",
            "correct architectures or the sizes in config.json, or export a model without them: "
            "only classes built into transformers are exported",
        )


def _refuse_sizes(
    path: Path,
    model: PreTrainedModel,
    unlike: Sequence[str],
    stored: Mapping[str, StoredWeight],
) -> None:
    if not unlike:
        return
    name = unlike[0]
    plain = name.removeprefix(model.base_model_prefix + ".")  # as a bare encoder saves it
    found = stored.get(name) or stored.get(plain)
    by_config = tuple(model.state_dict()[name].shape)
    raise CheckpointRefused(
        path,
        f"{len(unlike)} weights have other sizes than config.json gives: {name} is "
        f"{list(found.shape) if found else 'another'} where {list(by_config)} is expected",
        "correct vocab_size, id2label or the sizes in config.json, or save the model again",
    )


def _unread(model: PreTrainedModel, unexpected: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return the names that the class does not read and that could change its answers.

    transformers drops some more without a word, by patterns of the class that match anywhere in a
    name. That is right inside the encoder, which is its own; a head is not.
    """
    patterns: list[str] = model._keys_to_ignore_on_load_unexpected or []
    known = {*model.state_dict(), *(name for name, _ in model.named_buffers())}
    dropped = [
        name
        for name in names
        if name not in known and any(re.search(pattern, name) for pattern in patterns)
    ]
    encoder = model.base_model_prefix + "."
    poolers = encoder + "pooler."
    return sorted(
        name
        for name in {*unexpected, *dropped}
        if not (
            CONSTANTS.search(name)
            or PRETRAINING.match(name)
            or name.startswith(poolers)
            or (name in dropped and name.startswith(encoder))
        )
    )


def _refuse_missing(
    path: Path, model: PreTrainedModel, missing: Sequence[str], unread: Sequence[str]
) -> None:
    """Raise CheckpointRefused with the likely cause."""
    found = f"it has no weights for {some(missing)}"
    of_head = all(not name.startswith(model.base_model_prefix + ".") for name in missing)
    wrapper = WRAPPERS.match(unread[0]) if unread else None
    if wrapper and unread[0].removeprefix(wrapper[0]) in missing:
        found = f"its weights have names of a wrapper: {some(unread)}"
        remedy = f"take {wrapper[0]!r} off the names, or save the model inside with save_pretrained"
    elif any(".lora_" in name for name in unread):
        found, remedy = f"{len(unread)} of its weights are of an adapter (LoRA)", ADAPTER_REMEDY
    elif of_head and not unread:
        remedy = "fine-tune the classifier first: this is an encoder"
    else:
        found += f" and {len(unread)} that it does not read ({some(unread)})" if unread else ""
        remedy = (
            f"config.json describes another model than was saved ({type(model).__name__}, "
            f"{getattr(model.config, 'num_hidden_layers', '?')} layers); correct it, or save again"
        )
    raise CheckpointRefused(path, found, remedy)


def refuse_not_finite(path: Path, model: PreTrainedModel) -> None:
    """Raise CheckpointRefused if a weight is NaN or infinite."""
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            found = f"the weights of {name} contain NaN or infinity"
            raise CheckpointRefused(path, found, "train again with a lower learning rate")


def some(names: Sequence[str]) -> str:
    """Return the first names, and whether there are more."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def first_line(exc: BaseException) -> str:
    """Return the first line of an error's message, or its type's name."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
