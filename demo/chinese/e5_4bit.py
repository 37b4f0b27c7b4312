"""Reads a model file of format E5S1: sizes, and weights with matrices of 4 bits a number.

The file is that of a package pinned by its checksum, so it is of this form.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

BLOCK = 32  # numbers that share one scale
_BLOCK_BYTES = 2 + BLOCK // 2  # the scale in fp16, then two numbers in each byte
_FLOAT32 = 0  # the kind of an entry; the other kind has four bits a number


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
    offset: int  # from the start of the file
    size: int  # bytes


class FourBitFile:
    """An open file; tensors are unpacked on demand."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        self.sizes, self._entries = _read_head(self._bytes.data)

    def tensor(self, name: str, *shape: int) -> Array:
        """Return a tensor of this shape as float32."""
        return self._unpack(name, shape, slice(None)).reshape(shape)

    def rows(self, name: str, wanted: Sequence[int], *shape: int) -> Array:
        """Return some rows of a matrix of this shape: [wanted, shape[1]], as float32."""
        return self._unpack(name, shape, np.asarray(wanted))

    def _unpack(self, name: str, shape: tuple[int, ...], wanted: Any) -> Array:
        entry = self._entries[name]
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
        kind, _, offset, size = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        yield name, _Entry(kind, offset, size)
        at += 2 + length + 21
