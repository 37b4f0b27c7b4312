"""The checkpoint in torch with SDPA: eager, and compiled for a few fixed shapes."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from app.engine.backends.padding import pad, unpad
from app.engine.text.encoding import Logits
from benchmarks.errors import Unavailable
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Batch, Layout, padded_length

NAMES = ("input_ids", "attention_mask", "token_type_ids")
# Far above the number of shapes; beyond it the compiler would give up silently.
MOST_SHAPES = 64
WARM_UP_RUNS = 3


class TorchRunner:
    """Computes in fp16 on CUDA and in fp32 on a CPU; inputs and logits stay on the device."""

    def __init__(self, loaded: LoadedNetwork, name: str, *, compiled: bool = False) -> None:
        self.name = name
        self.layout: Layout = "bucketed" if compiled else "padded"
        self._device = loaded.device
        self._pad_id = loaded.checkpoint.pad_token_id
        model: Any = copy.deepcopy(loaded.checkpoint.model)
        model = model.to(loaded.device)
        model = model.half() if loaded.device == "cuda" else model
        self._typed = hasattr(model.config, "type_vocab_size")
        self._model: Callable[..., Any] = model
        if compiled:
            loaded.need_cuda()
            self._model = _compile(model)

    def prepare(self, batch: Batch) -> "TorchWork":
        feeds = pad(batch, NAMES, self._pad_id)
        missing = padded_length(batch, self.layout) - feeds["input_ids"].shape[1]
        tensors = {}
        for name, array in feeds.items():
            value = self._pad_id if name == "input_ids" else 0
            tensor = torch.nn.functional.pad(torch.from_numpy(array), (0, missing), value=value)
            tensors[name] = tensor.to(self._device)
        if not self._typed:
            del tensors["token_type_ids"]
        if bool(tensors["attention_mask"].all()):
            del tensors["attention_mask"]  # the kernels without a mask are faster
        work = TorchWork(self._model, tensors, batch)
        try:
            for _ in range(WARM_UP_RUNS):
                work.run()
            self.synchronize()
        except Exception as exc:  # compilers raise anything
            raise Unavailable(f"{type(exc).__name__}: {str(exc).strip()[:200]}") from exc
        return work

    def synchronize(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()

    def close(self) -> None:
        self._model = _closed
        if self.layout == "bucketed":
            torch._dynamo.reset()
        if self._device == "cuda":
            torch.cuda.empty_cache()


@dataclass(slots=True)
class TorchWork:
    """The tensors of one batch."""

    model: Callable[..., Any]
    tensors: dict[str, torch.Tensor]
    batch: Batch
    logits: torch.Tensor = field(default_factory=lambda: torch.empty(0))

    def run(self) -> None:
        with torch.inference_mode():
            self.logits = self.model(**self.tensors).logits

    def answers(self) -> Sequence[Logits]:
        logits = self.logits[: len(self.batch)].float().cpu().numpy()
        return unpad(logits, self.batch)


def _compile(model: Any) -> Callable[..., Any]:
    """Return the model, compiled for each new shape and replayed as a CUDA graph."""
    import torch._dynamo  # not loaded with torch

    torch._dynamo.config.cache_size_limit = MOST_SHAPES
    compiled: Callable[..., Any] = torch.compile(model, mode="reduce-overhead", dynamic=False)
    return compiled


def _closed(**_: Any) -> Any:
    raise RuntimeError("the runner is closed")
