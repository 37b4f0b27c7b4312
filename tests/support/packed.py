"""Tiny checkpoints for packed graphs, whose weights are the same in fp16."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

from app.bundle.base import Task
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.graphs.packed.build import build_packed
from tests.support.checkpoints import make_checkpoint
from tests.support.families import choose_families

TASKS: tuple[Task, ...] = ("sequence-classification", "token-classification")


def load(name: str, task: Task, folder: Path, **settings: Any) -> Checkpoint:
    """Make a tiny checkpoint whose weights, and the sums of two, are the same in fp16."""
    (family,) = choose_families([name])
    changed = dataclasses.replace(family, settings={**family.settings, **settings})
    checkpoint = load_checkpoint(make_checkpoint(changed, task, folder / "checkpoint"))
    with torch.no_grad():
        for parameter in checkpoint.model.parameters():
            parameter.copy_((parameter * 64).round() / 64)
    return checkpoint


def open_graph(checkpoint: Checkpoint, folder: Path) -> onnx.ModelProto:
    return onnx.load(build_packed(checkpoint, folder / "packed.onnx").path)


def widen(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph in fp32: what it then gives is exact but for the order of sums."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for one in wide.graph.initializer:
        if one.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(one).astype(np.float32)
            one.CopyFrom(numpy_helper.from_array(values, one.name))
    return wide
