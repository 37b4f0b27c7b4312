"""Pads encodings to rectangular inputs, and cuts rectangular logits back to each encoding's."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.engine.text.encoding import Encoding, Ids, Logits


def pad(encodings: Sequence[Encoding], inputs: Sequence[str], pad_token_id: int) -> dict[str, Ids]:
    """Return the named int64 inputs [batch, tokens], padded on the right to the longest."""
    shape = (len(encodings), max(encoding.tokens for encoding in encodings))
    feeds: dict[str, npt.NDArray[np.int64]] = {
        "input_ids": np.full(shape, pad_token_id, dtype=np.int64),
        "attention_mask": np.zeros(shape, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    for row, encoding in enumerate(encodings):
        feeds["input_ids"][row, : encoding.tokens] = encoding.ids
        feeds["attention_mask"][row, : encoding.tokens] = 1
        feeds["token_type_ids"][row, : encoding.tokens] = encoding.type_ids
    return {name: feeds[name] for name in inputs}


def unpad(logits: Logits, encodings: Sequence[Encoding]) -> list[Logits]:
    """Return each encoding's logits; a tagger's without those of the padding."""
    if logits.ndim == 2:
        return list(logits)
    return [row[: encoding.tokens] for row, encoding in zip(logits, encodings, strict=True)]
