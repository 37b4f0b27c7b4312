"""Reads what a V2 request asks: its tensors hold texts, or texts and their pairs."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.api.dialects.v2.body import read_body
from app.api.dialects.v2.outputs import choose_outputs
from app.api.dialects.v2.schema import InferBody, InputTensor
from app.api.dialects.v2.serving import find_servable
from app.api.dialects.v2.tensors import read_columns
from app.api.dialects.v2.writer import TensorWriter
from app.api.inference.question import Question
from app.api.inference.reader import RequestReader
from app.api.inference.routes import Target
from app.api.validation import JSON, places, validation_error
from app.bundle import Manifest
from app.errors import InvalidRequest
from app.schemas.requests import ClassifyRequest, InferenceRequest, Inputs, NerRequest
from app.service import Service

PAIR = "text_pair"

_INPUTS: TypeAdapter[Any] = TypeAdapter(Inputs)


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request asks of the model in its path."""
    settings = service.settings
    servable = find_servable(service.registry, target.model, target.version)
    asked, binary = read_body(reader, settings.max_body_bytes)
    columns = read_columns(asked.inputs, binary, settings.max_inputs)
    parameters, manifest = asked.parameters, servable.manifest
    outputs = choose_outputs(
        manifest, asked.outputs, parameters.top_k, binary=parameters.binary_data_output
    )
    return Question(
        _ask(manifest, asked, _make_inputs(asked.inputs, columns)),
        writer=TensorWriter(outputs, asked.id),
        timeout_seconds=parameters.timeout / 1e6 or None,
    )


def _make_inputs(tensors: Sequence[InputTensor], columns: Sequence[Sequence[Any]]) -> list[Any]:
    items: Sequence[Any] = columns[0]
    if len(columns) == 2:
        first, second = columns
        if tensors[0].name == PAIR != tensors[1].name:
            first, second = second, first
        if len(first) != len(second):
            raise InvalidRequest(
                f"the tensors of a pair have {len(columns[0])} and {len(columns[1])} texts; send "
                "as many of both"
            )
        items = [{"text": one, PAIR: two} for one, two in zip(first, second, strict=True)]
    try:
        inputs: list[Any] = _INPUTS.validate_python(items)
    except ValidationError as exc:
        raise validation_error(places(exc, "body", "inputs"), JSON) from None
    return inputs


def _ask(manifest: Manifest, asked: InferBody, inputs: list[Any]) -> InferenceRequest:
    parameters = asked.parameters
    # Every label is answered, unless a caller wants less.
    threshold = -math.inf if parameters.threshold is None else parameters.threshold
    if manifest.task == "token-classification":
        return NerRequest.model_construct(
            model=manifest.name,
            inputs=inputs,
            threshold=threshold,
            long_text=parameters.long_text,
            aggregation_strategy=parameters.aggregation_strategy,
        )
    return ClassifyRequest.model_construct(
        model=manifest.name,
        inputs=inputs,
        threshold=threshold,
        long_text=parameters.long_text,
        top_k=parameters.top_k or 1,
        activation=parameters.activation,
    )
