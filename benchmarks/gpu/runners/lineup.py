"""All runners by name; makes each for one network, or gives the reason why it cannot run."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchmarks.errors import Unavailable
from benchmarks.gpu.runners.base import Runner
from benchmarks.gpu.runners.onnx_runners import OnnxRunner
from benchmarks.gpu.runners.service_runner import ServiceRunner
from benchmarks.gpu.runners.torch_runners import TorchRunner
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Setting, Stream

PADDED, PADDED_FP32 = "ONNX Runtime, padded fp16", "ONNX Runtime, padded fp32"
PACKED, CAPTURED = "packed, eager", "packed, CUDA graphs"
SERVICE = "Classmark's engine"
TORCH, COMPILED = "torch SDPA", "torch.compile"

MAKERS: Mapping[str, Callable[[LoadedNetwork, str], Runner]] = MappingProxyType(
    {
        PADDED_FP32: lambda loaded, name: OnnxRunner(loaded, name, "fp32", "padded"),
        PADDED: lambda loaded, name: OnnxRunner(loaded, name, "fp16", "padded"),
        PACKED: lambda loaded, name: OnnxRunner(loaded, name, "packed", "packed"),
        CAPTURED: lambda loaded, name: OnnxRunner(loaded, name, "packed", "packed", captures=True),
        SERVICE: ServiceRunner,
        TORCH: TorchRunner,
        COMPILED: lambda loaded, name: TorchRunner(loaded, name, compiled=True),
    }
)
# The runners that compute in fp16, whose answers are compared.
ANSWERING = (PADDED, PACKED, CAPTURED, SERVICE)
BUDGETS = (4096, 8192, 16_384, 32_768)
SMALL_BUDGETS = (256, 512)
# The compiler takes a good part of a minute for each shape.
COMPILED_BUDGET = 16_384


def make_runner(name: str, loaded: LoadedNetwork) -> Runner:
    """Return the runner; raise Unavailable with the reason if it cannot run here."""
    if name == PADDED_FP32 and loaded.device == "cuda":
        raise Unavailable("left out on CUDA, where fp16 serves")
    try:
        return MAKERS[name](loaded, name)
    except Unavailable:
        raise
    except Exception as exc:  # runtimes raise anything while they load
        reason = f"{type(exc).__name__}: {str(exc).strip()[:300]}"
        raise Unavailable(reason) from exc


def settings_for(name: str, stream: Stream, *, small: bool) -> list[Setting]:
    """Return the settings to try; `small` is for a machine without a GPU."""
    orders = (False,) if stream.uniform else (False, True)
    if name == COMPILED:
        return [Setting(COMPILED_BUDGET, ordered=orders[-1])]
    budgets = SMALL_BUDGETS if small else BUDGETS
    return [Setting(budget, ordered) for budget in budgets for ordered in orders]
