"""The model of every peer: the same ONNX file, tokenizer and softmax.

The module imports nothing of the project, so that it runs in each peer's own environment. The
offline limit is measured with it too.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import tokenizers


class Model:
    """A session and its tokenizer; `classify` may be called from many threads.

    Args:
        variables: BENCH_GRAPH, BENCH_TOKENIZER, BENCH_MAX_LENGTH, BENCH_PAD_ID, BENCH_LABELS, and
            BENCH_THREADS of the session, intra-op; without, or 0: one for each core.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads := int(variables.get("BENCH_THREADS", "0")):
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = Path(variables["BENCH_GRAPH"]).read_bytes()
        self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._inputs = [item.name for item in self._session.get_inputs()]
        self._tokenizer = tokenizers.Tokenizer.from_file(variables["BENCH_TOKENIZER"])
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(variables["BENCH_MAX_LENGTH"]))
        self._pad_id = int(variables["BENCH_PAD_ID"])
        self.labels = variables["BENCH_LABELS"].split(",")

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, including special tokens."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def run(self, batch: Sequence[Sequence[int]]) -> np.ndarray[Any, Any]:
        """Return the logits [texts, labels] of encoded texts, padded to the longest."""
        shape = (len(batch), max(map(len, batch)))
        ids = np.full(shape, self._pad_id, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        logits: np.ndarray[Any, Any] = self._session.run(
            None, {name: known[name] for name in self._inputs}
        )[0]
        return logits

    def scores(self, logits: np.ndarray[Any, Any]) -> list[dict[str, float]]:
        """Return the probability of each label of each row."""
        exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares = exponentials / exponentials.sum(axis=-1, keepdims=True)
        return [dict(zip(self.labels, row, strict=True)) for row in shares.tolist()]

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Encode, run as one batch, and score."""
        return self.scores(self.run([self.encode(text) for text in texts]))
