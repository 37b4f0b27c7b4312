"""Makes padded ONNX graphs of a checkpoint with ONNX Runtime's optimizer.

The service's export uses optimum, which a GPU machine may lack; this module uses torch's tracing
exporter. The recipe lists the fusions: with transformers 4 all but DistilBERT's attention is fused,
with transformers 5 everything.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.errors import BenchmarkError
from export.checkpoint.load import Checkpoint
from export.checkpoint.model import LOADERS
from export.graphs.convert import Graph, fuse_graph, halve_graph

OPSET = 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class _Exported(nn.Module):
    """The classifier with the inputs of a padded graph, each int64 [batch, tokens]."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.typed = hasattr(model.config, "type_vocab_size")

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """Return the logits [batch, labels]."""
        types = {"token_type_ids": token_type_ids} if self.typed else {}
        logits: torch.Tensor = self.model(input_ids, attention_mask=attention_mask, **types).logits
        return logits


def make_padded(checkpoint: Checkpoint, folder: Path) -> tuple[Graph, Graph]:
    """Write the fused fp32 graph and its fp16 version into a folder.

    Raises:
        BenchmarkError: the exporter or the optimizer fails.
    """
    plain = folder / "plain.onnx"
    try:
        _export(checkpoint, plain)
        fp32 = fuse_graph(checkpoint, plain, folder / "model.fp32.onnx")
        fp16 = halve_graph(fp32, folder / "model.fp16.onnx")
    except Exception as exc:  # torch, transformers and the optimizer raise anything
        raise BenchmarkError(f"no padded graph of {checkpoint.path.name}: {exc}") from exc
    finally:
        plain.unlink(missing_ok=True)
    return fp32, fp16


def _export(checkpoint: Checkpoint, path: Path) -> None:
    # Eager attention, whose nodes the fusions know. Some models can only set it as they load.
    model = LOADERS[checkpoint.config.task].from_pretrained(
        checkpoint.path, attn_implementation="eager", dtype=torch.float32, local_files_only=True
    )
    exported = _Exported(model.eval())
    example = torch.ones(2, 16, dtype=torch.int64)
    inputs = INPUTS if exported.typed else INPUTS[:2]
    axes = {name: {0: "batch", 1: "tokens"} for name in inputs} | {"logits": {0: "batch"}}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracing exporter warns that it is old
        torch.onnx.export(
            exported,
            (example, example, torch.zeros_like(example)),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes=axes,
        )
