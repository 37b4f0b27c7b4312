"""Reads the texts of V2 tensors, and writes rows of tensors: as JSON, or as bytes."""

import struct
from collections.abc import Sequence
from typing import Any, Literal

from pydantic_core import to_json

from app.api.dialects.v2.schema import InputTensor
from app.api.inference.input_errors import check_count
from app.errors import InvalidRequest, brief

Datatype = Literal["BYTES", "FP32"]

# Stands before each element of a tensor of bytes.
LENGTH = struct.Struct("<I")


def read_columns(tensors: Sequence[InputTensor], binary: bytes, max_inputs: int) -> list[list[Any]]:
    """Return the elements of each tensor; those that come as JSON may be no texts yet.

    Args:
        binary: what follows the JSON of the body.

    Raises:
        InvalidRequest: a tensor of no texts, or one that is not what it says.
    """
    columns, start = [], 0
    for tensor in tensors:
        count = _count_texts(tensor, max_inputs)
        size = tensor.parameters.binary_data_size
        if size is None:
            columns.append(_read_json(tensor, count))
            continue
        end = start + size
        if end > len(binary):
            raise _broken(tensor, f"has {size} bytes, and the body {len(binary) - start} for it")
        columns.append(_read_binary(tensor, binary[start:end], count))
        start = end
    if start < len(binary):
        raise InvalidRequest(
            f"{len(binary) - start} bytes of the body belong to no tensor; give each tensor its "
            "parameters.binary_data_size"
        )
    return columns


def _count_texts(tensor: InputTensor, max_inputs: int) -> int:
    """Return how many texts a tensor should have; no more than are allowed are ever read."""
    if tensor.datatype != "BYTES":
        raise InvalidRequest(
            f"the tensor {brief(tensor.name)!r} is of {brief(tensor.datatype)}; send text, as "
            "BYTES: its tokens are made here"
        )
    count, *others = tensor.shape
    if count < 1 or others not in ([], [1]):
        raise _broken(tensor, f"is of shape {brief(str(tensor.shape))}")
    check_count(count, max_inputs)
    return count


def _read_json(tensor: InputTensor, count: int) -> list[Any]:
    data = tensor.data
    if not isinstance(data, list):
        raise _broken(tensor, "has no list of `data`, and no parameters.binary_data_size")
    if data and isinstance(data[0], list):  # [N, 1] may be written with a list for each row
        data = [one for row in data for one in (row if isinstance(row, list) else [row])]
    if len(data) != count:
        raise _broken(tensor, f"has {len(data)} elements and the shape {tensor.shape}")
    return data


def _read_binary(tensor: InputTensor, raw: bytes, count: int) -> list[str]:
    texts, start = [], 0
    for index in range(count):
        begin = start + LENGTH.size
        if begin > len(raw):
            raise _broken(tensor, f"ends before its element {index} of {count}")
        start = begin + LENGTH.unpack_from(raw, begin - LENGTH.size)[0]
        if start > len(raw):
            raise _broken(tensor, f"ends before the {start - begin} bytes of its element {index}")
        try:
            texts.append(raw[begin:start].decode())
        except UnicodeDecodeError:
            raise _broken(tensor, f"is not in UTF-8 at its element {index}") from None
    if start < len(raw):
        raise _broken(tensor, f"has {len(raw) - start} bytes after the last of {count} elements")
    return texts


def _broken(tensor: InputTensor, found: str) -> InvalidRequest:
    return InvalidRequest(
        f"the tensor {brief(tensor.name)!r} {found}; send N texts with the shape [N] or [N, 1], as "
        "`data` or, each behind its length in 4 bytes, as binary_data_size bytes after the JSON"
    )


def write_row(datatype: Datatype, values: Sequence[Any], *, binary: bool) -> bytes:
    """Return an input's part of a tensor, to be joined with others: by commas where it is JSON."""
    if not binary:
        return to_json(values)[1:-1]
    if datatype == "FP32":
        return struct.pack(f"<{len(values)}f", *values)
    elements = [value.encode() for value in values]
    return b"".join([LENGTH.pack(len(one)) + one for one in elements])
