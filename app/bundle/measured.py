"""What the export measured of a model and its graphs, as the manifest has it."""

from pydantic import Field

from app.bundle.base import AggregationStrategy, Precision, Record, Share


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
