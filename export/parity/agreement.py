"""Compare logits with the checkpoint's: count equal labels, find the largest score difference."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.engine.answers.decoding import score_differences
from app.engine.text.encoding import Encoding, Logits
from export.checkpoint.config import ModelConfig
from export.errors import GateFailed
from export.reference.evaluation import choose

# Of a value, or of 1 where the value is smaller.
EQUAL_VALUES = 0.05


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counted comparisons of labels, and the largest difference of any score.

    A regressor's values are equal where they differ by at most EQUAL_VALUES.
    """

    equal: int
    compared: int
    score_difference: float

    @property
    def share(self) -> float:
        return self.equal / max(1, self.compared)


def compare_logits(
    config: ModelConfig,
    encodings: Sequence[Encoding],
    expected: Sequence[Logits],
    actual: Sequence[Logits],
) -> Agreement:
    """Count equal labels, a text's or those of its content tokens, and compare all scores.

    Raises:
        GateFailed: the actual logits have another shape.
    """
    equal = compared = 0
    difference = 0.0
    for encoding, left, right in zip(encodings, expected, actual, strict=True):
        if left.shape != right.shape:
            raise GateFailed(
                f"logits have the shape {right.shape} where the checkpoint gives {left.shape}; try "
                "another --opset"
            )
        differences = score_differences(left, right, config.problem_type)
        if config.task == "token-classification":
            left, right = left[encoding.content], right[encoding.content]
            differences = differences[encoding.content]
            equal += int((left.argmax(axis=-1) == right.argmax(axis=-1)).sum())
            compared += len(encoding.content)
        elif config.problem_type == "regression":
            equal += bool((differences <= EQUAL_VALUES).all())
            compared += 1
        else:
            equal += choose(config, left) == choose(config, right)
            compared += 1
        if differences.size:
            difference = max(difference, float(differences.max()))
    return Agreement(equal, compared, difference)
