"""Count the tokens that an encoder has positions for."""

from typing import Any


def usable_positions(model: Any) -> int | None:
    """Return the most tokens that a transformers model has positions for; None if it has no limit.

    RoBERTa and its relatives number positions from the one after their padding token's, so that
    they never give the first ones to a token.
    """
    positions = getattr(model.config, "max_position_embeddings", None)
    if not positions:
        return None
    reserved = next(
        (
            padding + 1
            for name, module in model.named_modules()
            if name.endswith("position_embeddings")
            and (padding := getattr(module, "padding_idx", None)) is not None
        ),
        0,
    )
    return int(positions) - int(reserved)
