"""Read and write ONNX files; large weights go to a file beside, as ONNX's external data."""

import math
import shutil
from pathlib import Path

import onnx
from onnx import helper
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data
from onnxruntime.transformers.onnx_model import OnnxModel

from app.bundle.files import GraphData, map_file

# Protobuf holds 2 GiB; some of it is left for the nodes.
MOST_INLINE_BYTES = 1_900_000_000
# Weights of fewer bytes stay in the graph, where shape inference reads them.
LEAST_EXTERNAL_BYTES = 1024
SUFFIX = ".data"


def save_graph(model: onnx.ModelProto, target: Path) -> None:
    """Write a graph. One with large weights is left without them, so it is of no further use."""
    weights_path(target).unlink(missing_ok=True)
    large = sum(map(_bytes, model.graph.initializer)) > MOST_INLINE_BYTES
    OnnxModel.save(model, str(target), large, size_threshold=LEAST_EXTERNAL_BYTES)


def copy_graph(source: Path, target: Path) -> None:
    """Copy a graph that `save_graph` wrote; it then names its weights after the new file."""
    if not weights_path(source).exists():
        shutil.copyfile(source, target)
        return
    model = onnx.load(source, load_external_data=False)
    for tensor in filter(uses_external_data, model.graph.initializer):
        (location,) = [item for item in tensor.external_data if item.key == "location"]
        location.value = weights_path(target).name
    onnx.save(model, target)
    shutil.copyfile(weights_path(source), weights_path(target))


def load_small(path: Path, most_values: int) -> onnx.ModelProto:
    """Load a graph but leave the larger of its external weights in their file.

    ONNX Runtime's fusions copy a whole graph about eight times, and read few of its weights.
    """
    model = onnx.load(path, load_external_data=False)
    for tensor in filter(uses_external_data, model.graph.initializer):
        if math.prod(tensor.dims) <= most_values:
            _load(tensor, path.parent)
    return model


def load_rest(model: onnx.ModelProto, folder: Path) -> None:
    """Load the weights that `load_small` left in the file."""
    for tensor in filter(uses_external_data, model.graph.initializer):
        _load(tensor, folder)


def _load(tensor: onnx.TensorProto, folder: Path) -> None:
    load_external_data_for_tensor(tensor, str(folder))
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.ClearField("external_data")


def read_data(path: Path) -> GraphData:
    """Return what a runtime loads of a graph that `save_graph` wrote."""
    weights = weights_path(path)
    files = {weights.name: map_file(weights)} if weights.exists() else {}
    return GraphData(path.read_bytes(), files)


def weights_path(path: Path) -> Path:
    """Return where the weights of a graph lie, if it is too large to hold them."""
    return path.with_name(path.name + SUFFIX)


def infer_shapes(model: onnx.ModelProto) -> onnx.GraphProto:
    """Return the graph with the shapes of its values, but without its large weights.

    ONNX's shape inference takes no more than protobuf holds, and reads no large weights.
    """
    bare = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    bare.graph.name = model.graph.name
    bare.graph.node.extend(model.graph.node)
    bare.graph.input.extend(model.graph.input)
    bare.graph.output.extend(model.graph.output)
    bare.graph.value_info.extend(model.graph.value_info)
    bare.graph.initializer.extend(map(_without_values, model.graph.initializer))
    return onnx.shape_inference.infer_shapes(bare).graph


def _without_values(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if _bytes(tensor) < LEAST_EXTERNAL_BYTES:
        return tensor
    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _bytes(tensor: onnx.TensorProto) -> int:
    # Protobuf's own count makes a copy of the tensor first.
    width: int = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    count: int = math.prod(tensor.dims)
    return count * width
