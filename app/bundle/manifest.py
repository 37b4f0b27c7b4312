"""Defines the manifest of a bundle, the contract between export and service."""

import math
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.bundle.base import (
    AggregationStrategy,
    FileName,
    GraphKind,
    InputKind,
    LongText,
    Precision,
    ProblemType,
    Record,
    Sha256,
    Share,
    TagScheme,
    Task,
)
from app.bundle.measured import Calibration, Evaluation, Gate, Parity, ScoreReference

SCHEMA_VERSION: Literal[1] = 1
TOKENIZER = "tokenizer.json"
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class WeightsFile(Record):
    """Weights of a graph that one ONNX file cannot hold, as ONNX's external data."""

    file: FileName
    sha256: Sha256
    bytes: int = Field(gt=0)


class GraphFile(Record):
    """One ONNX file of a bundle."""

    file: FileName
    sha256: Sha256
    bytes: int = Field(gt=0)
    weights: WeightsFile | None = Field(
        None, description="where its weights lie, if they are too large for the ONNX file"
    )
    kind: GraphKind = "padded"
    inputs: tuple[str, ...] = Field(
        min_length=1,
        description="input names; of a padded graph int64 [batch, tokens], of a packed one int32",
    )
    opset: int = Field(gt=0)
    batch_invariant: bool = Field(description="an answer does not depend on its neighbours")
    recipe: str = Field(description="how the graph was made, e.g. what was kept in fp32")
    parity: Parity
    metric_loss: float | None = Field(
        None, description="what the metric lost against the checkpoint; null without labelled texts"
    )
    gate: Gate | None = Field(None, description="what the figures were held against at export")

    @property
    def total_bytes(self) -> int:
        return self.bytes + (self.weights.bytes if self.weights else 0)


class TokenizerSettings(Record):
    """How the checkpoint's tokenizer reads texts, as far as tokenizer.json does not hold it."""

    split_special_tokens: bool = Field(
        False, description="[SEP] in a text is read like any other text, not as the special token"
    )
    truncation_side: Literal["right", "left"] = Field(
        "right", description="where a text over max_length loses tokens"
    )
    token_types: bool = Field(True, description="types tell the texts of a pair apart; else all 0")
    unknown_id: int | None = Field(
        None,
        ge=-1,
        description="of unknown pieces; -1: none has one; null: as in tokenizer.json",
    )


class TokenizerFile(Record):
    file: FileName = TOKENIZER
    sha256: Sha256
    bytes: int = Field(gt=0)
    settings: TokenizerSettings = TokenizerSettings()


class Source(Record):
    """Where the weights came from."""

    checkpoint: str
    weights_sha256: Sha256
    architecture: str
    parameters: int = Field(gt=0)


class Defaults(Record):
    """Values of the options that a request leaves out."""

    long_text: LongText = "truncate"
    aggregation_strategy: AggregationStrategy = "first"
    threshold: Share = 0.0
    label_thresholds: dict[str, Share] | None = Field(
        None, description="one for each label of a multi-label model; overrides threshold"
    )


class GoldenCase(Record):
    """An input with the checkpoint's own logits: [labels], or [tokens, labels] for NER."""

    text: str
    text_pair: str | None = None
    logits: tuple[float, ...] | tuple[tuple[float, ...], ...]


class Manifest(Record):
    """The typed description of one bundle version."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: int = Field(ge=1, le=999_999_999)
    task: Task
    problem_type: ProblemType
    labels: tuple[str, ...] = Field(min_length=1, description="in id order")
    tag_scheme: TagScheme | None = None
    input: InputKind = Field("any", description="what --eval has; others are refused")
    max_length: int = Field(ge=8, le=65_536, description="tokens, special tokens included")
    pad_token_id: int = Field(ge=0)
    graphs: dict[Precision, GraphFile] = Field(min_length=1, description="padded graphs")
    packed: GraphFile | None = Field(None, description="fp16 graph without padding, for CUDA")
    tokenizer: TokenizerFile
    source: Source
    tools: dict[str, str] = Field(description="versions of what made the bundle")
    created_at: datetime
    evaluation: Evaluation | None = None
    score_reference: ScoreReference | None = None
    calibration: Calibration | None = None
    defaults: Defaults = Defaults()
    golden: tuple[GoldenCase, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _labels_fit_task(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat; give every id its own name in the checkpoint")
        if (self.task == "token-classification") != (self.tag_scheme is not None):
            raise ValueError("tag_scheme goes with token-classification, and only with it")
        return self

    @model_validator(mode="after")
    def _thresholds_fit_labels(self) -> Self:
        tuned = self.defaults.label_thresholds
        if tuned is None:
            return self
        if self.task != "sequence-classification" or self.problem_type != "multi_label":
            raise ValueError(
                f"label_thresholds go with multi_label sequence-classification, this is "
                f"{self.problem_type} {self.task}; remove them"
            )
        if set(tuned) != set(self.labels):
            unlike = ", ".join(sorted(set(tuned) ^ set(self.labels)))
            raise ValueError(
                f"label_thresholds and labels differ in {unlike}; give every label one threshold"
            )
        return self

    @model_validator(mode="after")
    def _kinds_fit_places(self) -> Self:
        padded = all(graph.kind == "padded" for graph in self.graphs.values())
        if not padded or (self.packed is not None and self.packed.kind != "packed"):
            raise ValueError("graphs are of kind padded, and the one under packed is packed")
        return self

    def find_graph(self, precision: Precision, kind: GraphKind = "padded") -> GraphFile | None:
        """Return the graph of this precision and kind, if the bundle has it."""
        if kind == "packed":
            return self.packed if precision == "fp16" else None
        return self.graphs.get(precision)

    @property
    def files(self) -> list[TokenizerFile | GraphFile | WeightsFile]:
        """Every file that the bundle is made of, but the manifest."""
        graphs = [*self.graphs.values(), *([self.packed] if self.packed else [])]
        weights = [graph.weights for graph in graphs if graph.weights]
        return [self.tokenizer, *graphs, *weights]

    @property
    def temperature(self) -> float:
        """The divisor of logits before they become scores; 1 without a calibration."""
        return self.calibration.temperature if self.calibration else 1.0

    @property
    def label_thresholds(self) -> float | list[float]:
        """What labels must reach where nobody asks for a threshold: one for all, or one a label."""
        if self.problem_type == "regression":
            return -math.inf
        tuned = self.defaults.label_thresholds
        if tuned is None:
            return self.defaults.threshold
        return [tuned[label] for label in self.labels]
