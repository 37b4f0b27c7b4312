"""Defines what a request asks, whatever API it came by."""

from dataclasses import dataclass, field
from types import MappingProxyType

from app.api.inference.input_errors import InputErrors
from app.api.inference.writer import OWN_WRITER, Writer
from app.schemas.requests import InferenceRequest


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A request in our own words, and how it wants to be answered.

    Attributes:
        body: as our own route would have been sent it.
        errors: what is wrong with inputs that are reported apart.
        timeout_seconds: for the whole request, where its body asks for less than its head.
        in_slices: there may be any number of inputs, which run one slice after another.
    """

    body: InferenceRequest
    errors: InputErrors = field(default_factory=lambda: MappingProxyType({}))
    writer: Writer = OWN_WRITER
    timeout_seconds: float | None = None
    in_slices: bool = False
