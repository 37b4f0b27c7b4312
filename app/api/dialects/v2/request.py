"""Reads what a V2 request asks: its tensors hold texts, or texts and their pairs."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.api.dialects.v2.body import read_body
from app.api.dialects.v2.outputs import choose_outputs
from app.api.dialects.v2.schema import InputTensor, RequestParameters
from app.api.dialects.v2.serving import find_servable
from app.api.dialects.v2.tensors import read_columns
from app.api.dialects.v2.writer import TensorWriter
from app.api.inference.question import EntityOptions, LabelOptions, Question
from app.api.inference.reader import RequestReader
from app.api.inference.routes import Target
from app.api.validation import JSON, places, validation_error
from app.bundle.manifest import Manifest
from app.errors import InvalidRequest
from app.schemas.requests import Inputs, Pair
from app.service import Service

PAIR = "text_pair"
_INPUTS: TypeAdapter[list[str | Pair]] = TypeAdapter(Inputs)


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request asks of the model in its path."""
    settings = service.settings
    manifest = find_servable(service.registry, target.model, target.version).manifest
    asked, binary = read_body(reader, settings.max_body_bytes)
    columns = read_columns(asked.inputs, binary, settings.max_inputs)
    outputs = choose_outputs(manifest, asked)
    inputs = columns[0] if len(columns) == 1 else _pair(asked.inputs, columns)
    try:
        texts = _INPUTS.validate_python(inputs)
    except ValidationError as exc:
        raise validation_error(places(exc, "body", "inputs"), JSON) from None
    return Question(
        manifest.name,
        texts,
        _options(manifest, asked.parameters),
        asked.parameters.long_text,
        TensorWriter(outputs, asked.id),
        timeout_seconds=asked.parameters.timeout / 1e6 or None,
    )


def _pair(tensors: Sequence[InputTensor], columns: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the inputs of two tensors; the one named `text_pair` is second wherever it stands."""
    first, second = columns
    if tensors[0].name == PAIR != tensors[1].name:
        first, second = second, first
    if len(first) != len(second):
        raise InvalidRequest(
            f"the tensors of a pair have {len(columns[0])} and {len(columns[1])} texts; send as "
            "many of both"
        )
    return [{"text": one, PAIR: two} for one, two in zip(first, second, strict=True)]


def _options(manifest: Manifest, parameters: RequestParameters) -> LabelOptions | EntityOptions:
    """Return what is asked in our own words; nothing is left out unless a caller wants less."""
    threshold = -math.inf if parameters.threshold is None else parameters.threshold
    if manifest.task == "token-classification":
        return EntityOptions(parameters.aggregation_strategy, threshold)
    return LabelOptions(parameters.top_k or 1, threshold, parameters.activation)
