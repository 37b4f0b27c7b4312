"""Who runs: every engine by its name, made for one network, or the reason why it cannot be."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchmarks.gpu.onnx_runners import OnnxRunner
from benchmarks.gpu.runners import Runner, Subject, Unavailable
from benchmarks.gpu.service_runner import ServiceRunner
from benchmarks.gpu.streams import Setting, Stream
from benchmarks.gpu.torch_runners import TorchRunner

PADDED, PADDED_FP32 = "ONNX Runtime, padded fp16", "ONNX Runtime, padded fp32"
PACKED, CAPTURED = "packed, eager", "packed, CUDA graphs"
SERVICE = "Classmark's engine"
TORCH, COMPILED = "torch SDPA", "torch.compile"

MAKERS: Mapping[str, Callable[[Subject, str], Runner]] = MappingProxyType(
    {
        PADDED_FP32: lambda subject, name: OnnxRunner(subject, name, "fp32", "padded"),
        PADDED: lambda subject, name: OnnxRunner(subject, name, "fp16", "padded"),
        PACKED: lambda subject, name: OnnxRunner(subject, name, "packed", "packed"),
        CAPTURED: lambda subject, name: OnnxRunner(
            subject, name, "packed", "packed", captures=True
        ),
        SERVICE: ServiceRunner,
        TORCH: TorchRunner,
        COMPILED: lambda subject, name: TorchRunner(subject, name, compiled=True),
    }
)
# Of what is compared for its answers: all that computes in fp16.
ANSWERING = (PADDED, PACKED, CAPTURED, SERVICE)
BUDGETS = (4096, 8192, 16_384, 32_768)
SMALL_BUDGETS = (256, 512)
# Each of its shapes takes the compiler a good part of a minute.
COMPILED_BUDGET = 16_384


def make_runner(name: str, subject: Subject) -> Runner:
    """Return the runner; raise Unavailable with the reason where it cannot run here."""
    if name == PADDED_FP32 and subject.device == "cuda":
        raise Unavailable("left out on CUDA, where fp16 serves")
    try:
        return MAKERS[name](subject, name)
    except Unavailable:
        raise
    except Exception as exc:  # runtimes raise what they like as they load
        reason = f"{type(exc).__name__}: {str(exc).strip()[:300]}"
        raise Unavailable(reason) from exc


def settings_for(name: str, stream: Stream, *, small: bool) -> list[Setting]:
    """Return the settings to try; `small` for a machine without a GPU."""
    orders = (False,) if stream.uniform else (False, True)
    if name == COMPILED:
        return [Setting(COMPILED_BUDGET, ordered=orders[-1])]
    budgets = SMALL_BUDGETS if small else BUDGETS
    return [Setting(budget, ordered) for budget in budgets for ordered in orders]
