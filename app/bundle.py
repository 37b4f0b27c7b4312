"""Defines bundles, the contract between export and service, and reads them without trust.

<store>/<name>/<version>/manifest.json  model.<precision>.onnx ...  tokenizer.json  report.md
"""

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.errors import BundleError, IncompleteBundle
from app.files import FileRecord, GraphData, check_size, map_verified, read_plain, read_verified

SCHEMA_VERSION: Literal[1] = 1
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
# What transformers and PEFT write beside weights, and no bundle has.
CHECKPOINT_CONFIGS = ("config.json", "adapter_config.json")

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"

Task = Literal["sequence-classification", "token-classification"]
# Regression: the logits themselves are the answer, one value a label.
ProblemType = Literal["single_label", "multi_label", "regression"]
Precision = Literal["fp32", "fp16", "int8"]
# Padded: inputs are rectangles, a text per row. Packed: texts follow one another, without padding.
GraphKind = Literal["padded", "packed"]
TagScheme = Literal["IO", "BIO", "BIOES", "BILOU", "BMES"]
AggregationStrategy = Literal["none", "simple", "first", "average", "max"]
LongText = Literal["truncate", "window", "error"]
Activation = Literal["default", "softmax", "sigmoid", "none"]
# What a model reads as one input: a text, a text with its pair, or either.
InputKind = Literal["text", "pair", "any"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    """Frozen; an unknown field is an error rather than a silent typo."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Parity(Record):
    """How a graph's answers, computed by the serving code, compare with the checkpoint's."""

    inputs: int = Field(ge=1, description="texts compared")
    agreement: Share = Field(description="share of equal labels (tokens' labels for NER)")
    max_score_difference: float = Field(ge=0.0, description="largest difference of any score")
    batch_agreement: Share = Field(description="share of equal labels, alone and in a batch")
    batch_max_score_difference: float = Field(ge=0.0, description="the same for scores")
    golden_max_score_difference: float = Field(ge=0.0, description="over the golden cases")


class Gate(Record):
    """The limits a graph was held against when it was exported."""

    agreement: Share = Field(description="least share of equal labels")
    score_difference: float = Field(ge=0.0, description="greatest difference of any score")
    metric_loss: float = Field(description="largest loss of the metric allowed; 0.01 is a point")


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


class Evaluation(Record):
    """Metrics on the evaluation set, by name (accuracy, macro_f1, f1, ...)."""

    inputs: int = Field(ge=1)
    checkpoint: dict[str, float]
    graphs: dict[Precision, dict[str, float]]
    strategies: dict[AggregationStrategy, float] = Field(
        {}, description="F1 of the checkpoint's entities by aggregation strategy"
    )


class ScoreReference(Record):
    """The checkpoint's answers on the evaluation set: the baseline for drift."""

    label_shares: dict[str, Share]
    histogram_edges: tuple[float, ...]
    histogram_counts: tuple[int, ...]


class Calibration(Record):
    """Temperature scaling fitted on the evaluation set: scores are those of logits / temperature.

    ECE is the expected calibration error, over 15 equal bins of the score: the mean distance
    between a score and how often it is right.
    """

    temperature: float = Field(ge=0.01, le=100.0, description="1: scores as they were")
    ece_before: Share = Field(description="of the checkpoint's own scores")
    ece_after: Share = Field(description="of the served scores; each half by a fit on the other")
    examples: int = Field(ge=1, description="labelled inputs")
    observations: int = Field(ge=0, description="scores counted: texts, text labels, or tokens")
    reason: str | None = Field(None, description="why the temperature stays 1")


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


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk whose manifest was read; its files are checked when they are read."""

    path: Path
    manifest: Manifest

    def read_tokenizer(self) -> bytes:
        return read_verified(self.path, self.manifest.tokenizer)

    def read_graph(self, graph: GraphFile) -> GraphData:
        files = [graph.weights] if graph.weights else []
        return GraphData(
            read_verified(self.path, graph),
            {one.file: map_verified(self.path, one) for one in files},
        )

    def check_files(self, *, checksums: bool) -> None:
        """Raise BundleError for a file that is not as the manifest says.

        Args:
            checksums: read them whole; else only their sizes are compared.
        """
        packed = [self.manifest.packed] if self.manifest.packed else []
        graphs = [*self.manifest.graphs.values(), *packed]
        weights = [graph.weights for graph in graphs if graph.weights]
        records: list[FileRecord] = [self.manifest.tokenizer, *graphs, *weights]
        for record in records:
            check_size(self.path, record)
        if checksums:
            self.read_tokenizer()
            for graph in graphs:
                self.read_graph(graph)


def open_bundle(path: Path) -> Bundle:
    """Read and check a bundle's manifest; raise BundleError naming what is wrong."""
    try:
        raw = read_plain(path / MANIFEST, MAX_MANIFEST_BYTES)
    except IncompleteBundle:
        refuse_checkpoint(path, path.parent.name)
        raise
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise BundleError(
            f"{path / MANIFEST}: {where}: {first['msg']} ({exc.error_count()} problems in all); "
            f"this service reads schema_version {SCHEMA_VERSION}; export the checkpoint again"
        ) from exc
    if (manifest.name, str(manifest.version)) != (path.parent.name, path.name):
        raise BundleError(
            f"{path} says it is {manifest.name}/{manifest.version}: a bundle's folder must be "
            "<store>/<name>/<version>; move it there"
        )
    return Bundle(path, manifest)


def refuse_checkpoint(folder: Path, name: str) -> None:
    """Raise BundleError if a model's folder, or a version's without manifest, is a checkpoint."""
    found = [one for one in CHECKPOINT_CONFIGS if (folder / one).is_file()]
    if found:
        raise BundleError(
            f"{folder} is a Hugging Face checkpoint ({found[0]}), which is not served as it is; "
            f"move it out of the store and run `classmark export CHECKPOINT --name {name}` on it"
        )
