"""Calls, by ctypes, the few CUDA runtime functions that ONNX Runtime's Python lacks.

Not run on a GPU yet: signatures are those of CUDA 13's `cuda_runtime_api.h`.
"""

import ctypes
import threading

# From the CUDA that ONNX Runtime is built for, so that both share one copy.
LIBRARY = "libcudart.so.13"
NON_BLOCKING = 1
RELAXED = 2
HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2
# cudaErrorNoDevice; and cudaErrorInsufficientDriver, which also means no driver at all.
NO_DEVICE, NO_DRIVER = 100, 35

# Held while a graph is captured, and by what waits for the whole device, which CUDA forbids
# meanwhile: the start of a session, its first run on a thread, and its end.
DEVICE_WIDE = threading.RLock()

_POINTER = ctypes.c_void_p
_SIGNATURES = {
    "cudaGetErrorString": (ctypes.c_int,),
    "cudaGetDeviceCount": (ctypes.POINTER(ctypes.c_int),),
    "cudaStreamCreateWithFlags": (ctypes.POINTER(_POINTER), ctypes.c_uint),
    "cudaStreamDestroy": (_POINTER,),
    "cudaStreamSynchronize": (_POINTER,),
    "cudaMallocHost": (ctypes.POINTER(_POINTER), ctypes.c_size_t),
    "cudaFreeHost": (_POINTER,),
    "cudaMemcpyAsync": (_POINTER, _POINTER, ctypes.c_size_t, ctypes.c_int, _POINTER),
    "cudaStreamIsCapturing": (_POINTER, ctypes.POINTER(ctypes.c_int)),
    "cudaStreamEndCapture": (_POINTER, ctypes.POINTER(_POINTER)),
    "cudaGraphDestroy": (_POINTER,),
    "cudaDeviceGraphMemTrim": (ctypes.c_int,),
    "cudaThreadExchangeStreamCaptureMode": (ctypes.POINTER(ctypes.c_int),),
}


class CudaError(RuntimeError):
    """A function of the CUDA runtime failed."""

    @property
    def refusal(self) -> str:
        """Why no model loads, and what to do."""
        return (
            f"CUDA does not start here: {self}; see that the GPU's driver is there and new enough, "
            "or set CLASSMARK_DEVICE=cpu"
        )


class Cudart:
    """The CUDA runtime. Addresses and streams are plain numbers.

    Raises:
        OSError, AttributeError: the library or one of its functions is missing.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        for name, arguments in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.argtypes = arguments
            function.restype = ctypes.c_int
        self._library.cudaGetErrorString.restype = ctypes.c_char_p

    def finds_no_gpu(self) -> bool:
        """Tell whether CUDA says that this process sees no GPU; False for any other fault."""
        count = ctypes.c_int()
        error: int = self._library.cudaGetDeviceCount(ctypes.byref(count))
        return error in (NO_DEVICE, NO_DRIVER) or (error == 0 and count.value == 0)

    def relax_capture_mode(self) -> None:
        """Let this thread take memory and launch work while another one captures a graph.

        ONNX Runtime 1.31 captures in the mode that forbids every thread of the process what may
        wait for the device: the call fails, and so does the capture. Threads in this mode are
        exempt, except for what does wait for the whole device (DEVICE_WIDE).
        """
        self._call("cudaThreadExchangeStreamCaptureMode", ctypes.byref(ctypes.c_int(RELAXED)))

    def make_stream(self) -> int:
        """Return a stream that does not wait for the default one."""
        stream = _POINTER()
        self._call("cudaStreamCreateWithFlags", ctypes.byref(stream), NON_BLOCKING)
        return stream.value or 0

    def destroy_stream(self, stream: int) -> None:
        self._call("cudaStreamDestroy", stream)

    def end_capture(self, stream: int) -> None:
        """End a capture that was left open on a stream, if there is one."""
        capturing, graph = ctypes.c_int(), _POINTER()
        self._call("cudaStreamIsCapturing", stream, ctypes.byref(capturing))
        if capturing.value:
            # It says by an error that the capture was broken, which is why it ends.
            self._library.cudaStreamEndCapture(stream, ctypes.byref(graph))
            if graph.value:
                self._call("cudaGraphDestroy", graph)

    def trim_graphs(self, device: int) -> None:
        """Give back the memory that graphs took for cuBLAS and that none uses any more."""
        self._call("cudaDeviceGraphMemTrim", device)

    def synchronize(self, stream: int) -> None:
        self._call("cudaStreamSynchronize", stream)

    def allocate_pinned(self, size: int) -> int:
        """Return the address of `size` bytes of host memory that the device reads by itself."""
        address = _POINTER()
        self._call("cudaMallocHost", ctypes.byref(address), size)
        return address.value or 0

    def free_pinned(self, address: int) -> None:
        self._call("cudaFreeHost", address)

    def copy(self, target: int, source: int, size: int, direction: int, stream: int) -> None:
        """Queue a copy of `size` bytes behind the stream's earlier work."""
        self._call("cudaMemcpyAsync", target, source, size, direction, stream)

    def _call(self, name: str, *arguments: object) -> None:
        error = getattr(self._library, name)(*arguments)
        if error:
            meaning = self._library.cudaGetErrorString(error).decode()
            raise CudaError(f"{name} failed with {error}: {meaning}")


def find_cudart() -> Cudart | None:
    """Return the CUDA runtime, or None where it is not found."""
    try:
        return Cudart()
    except (OSError, AttributeError):
        return None


def finds_no_gpu() -> bool:
    """Tell whether this process surely sees no GPU; False where that is unknown."""
    cudart = find_cudart()
    return cudart is not None and cudart.finds_no_gpu()
