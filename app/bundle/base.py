"""The words that records of a manifest are written in."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
