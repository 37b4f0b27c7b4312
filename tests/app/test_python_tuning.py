"""A server's process gives the memory of old models back to the system."""

import platform
import subprocess
import sys

import pytest

# A large block that is freed, as after a first load; then a model's many blocks, and what outlives
# them.
RELOAD = """
import ctypes
from app import python_tuning
from app.memory import resident_bytes

python_tuning.tune()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def block(size):
    address = libc.malloc(size)
    ctypes.memset(address, 1, size)
    return address

libc.free(block(30_000_000))
before = resident_bytes()
weights = [(block(600_000), block(20_000))[0] for _ in range(100)]
for one in weights:
    libc.free(one)
print(resident_bytes() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others give memory back in own ways")
def test_weights_leave_no_holes_in_the_heap() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RELOAD], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 20_000_000, "of 60 MB that were freed"
