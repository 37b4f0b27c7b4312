"""Reads a V2 body: JSON, and behind it the bytes of tensors; compressed or not."""

import zlib

from app.api.dialects.v2.schema import InferBody, InputTensor, RequestParameters, TensorParameters
from app.api.dialects.v2.tensors import LENGTH
from app.api.inference.reader import RequestReader, parse_json
from app.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType, brief

# The header that says how many bytes of a body are JSON.
HEAD_LENGTH = b"inference-header-content-length"


def read_body(reader: RequestReader, max_bytes: int) -> tuple[InferBody, bytes]:
    """Return what a body says, and the bytes of its tensors.

    Args:
        max_bytes: of the body once it is inflated.

    Raises:
        BodyTooLarge, UnsupportedMediaType, NotJson, InvalidRequest: what is wrong with it.
    """
    body = reader.body
    if encoding := reader.header(b"content-encoding"):
        body = _decode(body, encoding.strip().lower(), max_bytes)
    given = reader.header(HEAD_LENGTH)
    if not given:
        return parse_json(InferBody, body)[0], b""
    length = _read_length(given, len(body))
    if length == 0:
        return _read_raw(body)
    return parse_json(InferBody, body[:length])[0], body[length:]


def _read_raw(body: bytes) -> tuple[InferBody, bytes]:
    """Return what a request without JSON means: its whole body is one text."""
    size = TensorParameters(binary_data_size=LENGTH.size + len(body))
    text = InputTensor(name="text", shape=[1], datatype="BYTES", parameters=size)
    asked = InferBody(inputs=[text], parameters=RequestParameters(binary_data_output=True))
    return asked, LENGTH.pack(len(body)) + body


def _read_length(given: str, body_bytes: int) -> int:
    known = given.isascii() and given.isdigit() and len(given) < 16
    if not known or int(given) > body_bytes:
        raise InvalidRequest(
            f"Inference-Header-Content-Length is {brief(given)} and the body has {body_bytes} "
            "bytes; send how many of them are JSON, or leave out the header if all are"
        )
    return int(given)


def _decode(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "deflate"):
        raise UnsupportedMediaType(
            f"Content-Encoding is {brief(encoding)}; send gzip, deflate, or no encoding"
        )
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # takes the heads of both
    try:
        plain = stream.decompress(body, max_bytes + 1)
    except zlib.error:
        plain = b""
    if len(plain) > max_bytes:
        raise BodyTooLarge(max_bytes)
    if not stream.eof or stream.unused_data:
        raise InvalidRequest(
            f"the body is not one whole {encoding} stream, as Content-Encoding says; send it "
            "whole, or without that header"
        )
    return plain
