"""ONNX Runtime with inputs and logits bound on the device: padded, packed and captured graphs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import onnxruntime as ort

from app.engine.backends.cuda.backend import BUDGET_TOKENS, FLASH_FROM, MOST_GRAPHS
from app.engine.backends.cuda.buckets import plan
from app.engine.backends.packing import Extent, measure, pack, unpack
from app.engine.backends.padding import pad, unpad
from app.engine.text.encoding import Logits
from benchmarks.errors import Unavailable
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Batch, Layout

PROVIDERS = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
# The first run of a shape allocates, a later one captures, all others replay.
WARM_UP_RUNS = 4


class OnnxRunner:
    """One session; `run` waits for the device."""

    def __init__(
        self,
        loaded: LoadedNetwork,
        name: str,
        graph: str,
        layout: Layout,
        *,
        captures: bool = False,
    ) -> None:
        self.name, self.layout = name, layout
        if layout == "packed":
            loaded.need_cuda()
            os.environ.setdefault(FLASH_FROM, "0")
        self._device, self._captures = loaded.device, captures
        self._labels = len(loaded.checkpoint.config.labels)
        self._per_token = loaded.checkpoint.config.task == "token-classification"
        self._pad_id = loaded.checkpoint.pad_token_id
        provider = PROVIDERS[loaded.device]
        options = {"enable_cuda_graph": "1" if captures else "0"} if layout == "packed" else {}
        settings = ort.SessionOptions()
        settings.log_severity_level = 3
        self._session: Any = ort.InferenceSession(
            str(loaded.graph(graph)), settings, providers=[(provider, options)]
        )
        if self._session.get_providers()[0] != provider:
            raise Unavailable(f"ONNX Runtime cannot start {provider} here")
        self._inputs = [item.name for item in self._session.get_inputs()]
        self._numbers = count(1)
        self._buckets = plan(loaded.checkpoint.max_length, BUDGET_TOKENS, MOST_GRAPHS)

    def prepare(self, batch: Batch) -> "OnnxWork":
        if self.layout == "packed":
            extent = self._fill_up(measure(batch)) if self._captures else measure(batch)
            feeds: dict[str, Any] = dict(pack(batch, self._inputs, extent))
            rows = (extent.tokens,) if self._per_token else (extent.sequences,)
        else:
            feeds = dict(pad(batch, self._inputs, self._pad_id))
            rows = feeds["input_ids"].shape if self._per_token else (len(batch),)
        binding = self._session.io_binding()
        for name, array in feeds.items():
            binding.bind_ortvalue_input(name, self._upload(array))
        output = self._upload(np.zeros((*rows, self._labels), np.float32))
        binding.bind_ortvalue_output("logits", output)
        options = ort.RunOptions()
        if self._captures:
            options.add_run_config_entry("gpu_graph_id", str(next(self._numbers)))
        packed = self.layout == "packed"
        work = OnnxWork(self._session, binding, options, output, batch, packed, self._per_token)
        for _ in range(WARM_UP_RUNS):
            work.run()
        return work

    def _fill_up(self, least: Extent) -> Extent:
        """Return the size that the service captures for such a batch, or the batch's own."""
        return self._buckets.choose(least) or least

    def _upload(self, array: Any) -> Any:
        return ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)

    def synchronize(self) -> None:
        """Do nothing, because each run waits for its end."""

    def close(self) -> None:
        self._session = None


@dataclass(frozen=True, slots=True)
class OnnxWork:
    """The bound inputs and logits of one batch."""

    session: Any
    binding: Any
    options: Any
    output: Any
    batch: Batch
    packed: bool
    per_token: bool

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding, self.options)

    def answers(self) -> Sequence[Logits]:
        logits = self.output.numpy()
        if self.packed:
            return unpack(logits, self.batch, per_token=self.per_token)
        return unpad(logits, self.batch)
