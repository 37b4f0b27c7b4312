"""Convert a checkpoint to ONNX graphs: export, fuse, halve."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import onnx
import torch
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.onnx_model import OnnxModel

from app.bundle.base import GraphKind, Precision
from app.engine.backends.base import Mode
from export.checkpoint.load import Checkpoint
from export.errors import CheckpointRefused
from export.graphs.files import load_rest, load_small, save_graph, weights_path
from export.graphs.onnx_config import EXPORT_TASKS, converter_config
from export.graphs.traceable import traceable

# Graphs are measured where every machine can run them; fp16 too, though it is meant for GPUs.
PROVIDER: Final = "CPUExecutionProvider"
# Families whose graphs ONNX Runtime's BERT fusions recognise.
BERT_LIKE = {"bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra"}
# Those that a test exports in every precision; of optimum's others the gates decide.
TESTED = (*sorted(BERT_LIKE), "albert", "mpnet", "deberta-v2", "modernbert")
ATTENTION = ("Attention", "MultiHeadAttention")


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX file and its recipe, which says how it was made."""

    path: Path
    precision: Precision
    inputs: tuple[str, ...]
    opset: int
    recipe: str
    kind: GraphKind = "padded"

    @property
    def mode(self) -> Mode:
        """Precision and kind; as text it tells the graphs of a checkpoint apart."""
        return Mode(self.precision, self.kind)

    @property
    def bytes(self) -> int:
        weights = weights_path(self.path)
        return self.path.stat().st_size + (weights.stat().st_size if weights.exists() else 0)


def export_graph(checkpoint: Checkpoint, folder: Path, opset: int | None) -> Path:
    """Write the checkpoint as an unfused fp32 graph and return its path.

    Raises:
        CheckpointRefused: optimum cannot export this family, or not with this opset.
    """
    # Imported here: fusing and halving also run where optimum is not installed.
    from optimum.exporters.onnx import onnx_export_from_model

    with _quiet(), traceable(checkpoint):
        try:
            onnx_export_from_model(
                checkpoint.model,
                output=folder,
                opset=opset,
                task=EXPORT_TASKS[checkpoint.config.task],
                custom_onnx_configs=converter_config(checkpoint),
                do_validation=False,  # export.parity compares answers, through the serving code
            )
        except Exception as exc:  # each exporter configuration raises its own types
            reason = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
            raise CheckpointRefused(
                checkpoint.path,
                f"{checkpoint.config.family} cannot be exported to ONNX ({reason})",
                f"{'leave out --opset, or ' if opset else ''}fine-tune an encoder of a tested "
                f"family: {', '.join(TESTED)}",
            ) from exc
    return folder / "model.onnx"


def fuse_graph(checkpoint: Checkpoint, source: Path, target: Path) -> Graph:
    """Fuse attention, GELU and layer norms into single nodes if the family is BERT-like."""
    if checkpoint.config.family not in BERT_LIKE:
        save_graph(onnx.load(source), target)
        return read_graph(target, "fp32", _unfused(checkpoint))
    fused = _fuse(checkpoint, source, separate_layers=False)
    save_graph(fused.model, target)
    return read_graph(target, "fp32", f"fused: {_count_fused(fused)}")


def fuse_for_int8(checkpoint: Checkpoint, source: Path, target: Path) -> str:
    """Fuse a graph but leave its linear layers and embeddings as nodes of their own.

    Returns:
        The beginning of a recipe: which nodes were fused.
    """
    if checkpoint.config.family not in BERT_LIKE:
        save_graph(onnx.load(source), target)
        return _unfused(checkpoint)
    fused = _fuse(checkpoint, source, separate_layers=True)
    save_graph(fused.model, target)
    return f"fused: {_count_fused(fused)}"


def halve_graph(source: Graph, target: Path) -> Graph:
    """Convert a graph to fp16 inside; its inputs stay int64 and its logits fp32."""
    with _quiet():
        model = OnnxModel(onnx.load(source.path))
        model.convert_float_to_float16(
            keep_io_types=True, node_block_list=_nodes_behind_integers(model)
        )
        model.topological_sort()
    save_graph(model.model, target)
    return read_graph(target, "fp16", f"{source.recipe}; weights and activations in fp16")


def _nodes_behind_integers(model: OnnxModel) -> list[str]:
    """Name the float nodes whose results become integers, such as buckets of relative positions.

    They stay in fp32: fp16 would round some positions into the next bucket.
    """
    makers = {output: node for node in model.nodes() for output in node.output}
    pending = [node for node in model.nodes() if _casts_to_integer(node)]
    named = set()
    while pending:
        for source in pending.pop().input:
            maker = makers.get(source)
            if maker is None or maker.name in named or maker.op_type == "Shape":
                continue
            named.add(maker.name)
            if maker.op_type != "Cast":
                pending.append(maker)
    return sorted(named)


def _casts_to_integer(node: onnx.NodeProto) -> bool:
    wholes = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    return node.op_type == "Cast" and any(one.i in wholes for one in node.attribute)


def _fuse(checkpoint: Checkpoint, source: Path, *, separate_layers: bool) -> OnnxModel:
    options = FusionOptions("bert")
    if separate_layers:
        options.use_multi_head_attention = True
        options.enable_embed_layer_norm = False
    config = checkpoint.model.config
    # Shape inference looks for weights that were not loaded in the working folder.
    with _quiet(), chdir(source.parent):
        fused = optimizer.optimize_model(
            # Attention joins weights of hidden x hidden; larger ones no fusion reads.
            load_small(source, config.hidden_size**2),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            optimization_options=options,
            opt_level=0,  # portable fusions only: the others depend on the machine
        )
        fused.topological_sort()
    load_rest(fused.model, source.parent)
    return fused


def _unfused(checkpoint: Checkpoint) -> str:
    return f"unfused: no fusions for {checkpoint.config.family}"


def _count_fused(model: OnnxModel) -> str:
    counted = {name: n for name, n in model.get_fused_operator_statistics().items() if n}
    return ", ".join(f"{n} {name}" for name, n in sorted(counted.items())) or "nothing"


def read_graph(path: Path, precision: Precision, recipe: str, kind: GraphKind = "padded") -> Graph:
    """Read inputs and opset of an ONNX file."""
    model = onnx.load(path, load_external_data=False)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    inputs = tuple(item.name for item in model.graph.input)
    return Graph(path, precision, inputs, opset, recipe, kind)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the converters, which warn and print graphs: export measures them later."""
    root = logging.getLogger()
    before = root.manager.disable
    logging.disable(logging.ERROR)
    try:
        # torch switches this log on unasked; for an operator that it lacks it prints the graph.
        torch._C._jit_set_onnx_log_enabled(False)
        log = patch.object(torch._C, "_jit_set_onnx_log_enabled", lambda _: None)
        with warnings.catch_warnings(), log:
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
