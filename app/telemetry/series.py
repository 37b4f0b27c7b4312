"""Holds the series of one model version that every request or batch adds to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import Counter

from app.telemetry.histogram import Series


class ModelLabels(NamedTuple):
    """A model version as label values."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class ModelSeries:
    """The series of one model version, looked up once."""

    stage_seconds: Mapping[str, Series]
    input_tokens: Series
    unknown_tokens: Counter
    truncated_inputs: Counter
    answers: Mapping[str, Counter]
    answer_score: Series
    batch_entries: Series
    batch_seconds: Series
    batch_real_tokens: Counter
    batch_padding_tokens: Counter
