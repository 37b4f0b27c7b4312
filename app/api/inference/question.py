"""Defines what a request asks, whatever API it came by."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from app.api.inference.input_errors import InputErrors
from app.api.inference.writer import OWN_WRITER, Writer
from app.bundle.base import Activation, AggregationStrategy, LongText
from app.schemas.requests import Pair

NO_ERRORS: InputErrors = MappingProxyType({})


class LabelOptions(NamedTuple):
    """How texts are labelled; None is what the bundle says, or no limit."""

    top_k: int | None = None
    threshold: float | None = None
    activation: Activation = "default"


class EntityOptions(NamedTuple):
    """How entities are found; None is what the bundle says, or no limit."""

    aggregation_strategy: AggregationStrategy | None = None
    threshold: float | None = None
    labels: tuple[str, ...] | None = None


class Asked(Protocol):
    """What a request asks, as far as it is the same whatever is asked.

    Attributes:
        model: its name; None where one alone fits.
        timeout_seconds: for the whole request, where its body asks for less than its head.
    """

    @property
    def model(self) -> str | None: ...

    @property
    def timeout_seconds(self) -> float | None: ...


class Question(NamedTuple):
    """A request in our own words, and how it wants to be answered.

    Attributes:
        model: its name; None where one alone fits.
        options: also say which of the two tasks is asked for.
        errors: what is wrong with inputs that are reported apart.
        reports_errors: an input that cannot be answered does not fail the others.
        timeout_seconds: for the whole request, where its body asks for less than its head.
        in_slices: there may be any number of inputs, which run one slice after another.
    """

    model: str | None
    inputs: Sequence[str | Pair]
    options: LabelOptions | EntityOptions
    long_text: LongText | None = None
    writer: Writer = OWN_WRITER
    errors: InputErrors = NO_ERRORS
    reports_errors: bool = False
    timeout_seconds: float | None = None
    in_slices: bool = False
