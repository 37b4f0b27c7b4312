"""Reads a model file of format E5S1: sizes, and weights with matrices of 4 bits a number."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from demo.errors import DemoError

Array = npt.NDArray[np.float32]

MAGIC = b"E5S1"
BLOCK = 32  # numbers that share one scale
_BLOCK_BYTES = 2 + BLOCK // 2  # the scale in fp16, then two numbers in each byte
_FLOAT32, _FOUR_BIT = 0, 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a BERT encoder, in the file's order."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    offset: int  # from the start of the file
    size: int  # bytes


class FourBitFile:
    """An open file; tensors are unpacked on demand.

    Raises:
        DemoError: the file is of another format, or ends too early.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = np.memmap(path, np.uint8, "r")
        try:
            self.sizes, self._entries = _read_head(self._bytes.data)
        except (struct.error, UnicodeDecodeError) as exc:
            raise DemoError(f"{path} is damaged: {exc}; delete it to fetch it again") from exc
        ends = max((entry.offset + entry.size for entry in self._entries.values()), default=0)
        if ends > len(self._bytes):
            raise DemoError(
                f"{path} has {len(self._bytes)} bytes and its weights end at {ends}; "
                "delete it to fetch it again"
            )

    def tensor(self, name: str, *shape: int) -> Array:
        """Return a tensor as float32; raise DemoError if none has this shape."""
        return self._unpack(name, shape, slice(None)).reshape(shape)

    def rows(self, name: str, wanted: Sequence[int], *shape: int) -> Array:
        """Return some rows of a matrix of this shape: [wanted, shape[1]], as float32."""
        return self._unpack(name, shape, np.asarray(wanted))

    def _unpack(self, name: str, shape: tuple[int, ...], wanted: Any) -> Array:
        entry = self._entries.get(name)
        if entry is None:
            raise DemoError(f"{self.path} has no tensor {name!r}; it is of another version")
        if entry.count != int(np.prod(shape)):
            raise DemoError(
                f"{self.path}: {name!r} has {entry.count} numbers, expected {shape}; "
                "it is of another version"
            )
        raw = self._bytes[entry.offset : entry.offset + entry.size].reshape(shape[0], -1)[wanted]
        if entry.kind == _FLOAT32:
            floats: Array = raw.copy().view(np.float32)
            return floats
        return _from_blocks(raw.reshape(-1, _BLOCK_BYTES)).reshape(len(raw), -1)


def _from_blocks(blocks: npt.NDArray[np.uint8]) -> Array:
    """Return the numbers of each block: the low halves of its bytes, then the high ones."""
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    halves = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    numbers: Array = (halves.astype(np.float32) - 8) * scales
    return numbers


def _read_head(raw: memoryview) -> tuple[Sizes, dict[str, _Entry]]:
    if bytes(raw[:4]) != MAGIC:
        raise struct.error(f"it begins with {bytes(raw[:4])!r}, not with {MAGIC!r}")
    *sizes, _ = struct.unpack_from("<7ifi", raw, 8)
    pieces, *_, texts = struct.unpack_from("<5iQ", raw, 44)
    at = 72 + (pieces + 1) * 4 + pieces * 4 + texts  # past the file's own tokenizer
    (normalizer,) = struct.unpack_from("<I", raw, at + 4)
    return Sizes(*sizes), dict(_read_entries(raw, at + 8 + normalizer))


def _read_entries(raw: memoryview, at: int) -> Iterator[tuple[str, _Entry]]:
    (count,) = struct.unpack_from("<i", raw, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", raw, at)
        name = bytes(raw[at + 2 : at + 2 + length]).decode()
        entry = _Entry(*struct.unpack_from("<BIQQ", raw, at + 2 + length))
        if entry.kind not in (_FLOAT32, _FOUR_BIT):
            raise struct.error(f"{name!r} is of kind {entry.kind}, known are 0 and 1")
        yield name, entry
        at += 2 + length + 21
