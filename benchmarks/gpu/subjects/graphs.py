"""Makes the graphs of a random checkpoint where optimum is missing, by torch's tracing exporter."""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from export.checkpoint.load import Checkpoint
from export.checkpoint.model import LOADERS
from export.errors import PackingRefused
from export.graphs.convert import Graph, fuse_for_int8, fuse_graph, halve_graph, read_graph
from export.graphs.int8.quantize import quantize_per_token
from export.graphs.packed.build import build_packed

OPSET = 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def make_graphs(checkpoint: Checkpoint, folder: Path, *, int8: bool) -> list[Graph]:
    """Write the padded fp32 graph, and beside it int8, or fp16 and the packed one if it can be."""
    plain, fused = folder / "plain.onnx", folder / "fused.onnx"
    _export(checkpoint, plain)
    graphs = [fuse_graph(checkpoint, plain, folder / "model.fp32.onnx")]
    if int8:
        recipe = fuse_for_int8(checkpoint, plain, fused)
        quantize_per_token(fused, folder / "model.int8.onnx")
        graphs.append(read_graph(folder / "model.int8.onnx", "int8", recipe))
        fused.unlink()
    else:
        graphs.append(halve_graph(graphs[0], folder / "model.fp16.onnx"))
        with suppress(PackingRefused):  # such a family has padded graphs alone
            graphs.append(build_packed(checkpoint, folder / "model.packed.onnx"))
    plain.unlink()
    return graphs


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
