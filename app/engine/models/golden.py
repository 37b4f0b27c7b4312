"""Checks golden cases: the checkpoint's answers, which a graph must give on this device too."""

import numpy as np

from app.bundle.manifest import GoldenCase
from app.engine.answers.decoding import score_differences
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from app.errors import BundleError

# Export measured how far the graph differs from the checkpoint on the golden cases. The kernels of
# another processor may add this much to any score.
GOLDEN_SLACK = 0.05


def check_golden(servable: Servable) -> None:
    """Run the golden cases on this device; raise BundleError if an answer differs too much."""
    tolerance = servable.graph.parity.golden_max_score_difference + GOLDEN_SLACK
    for number, case in enumerate(servable.manifest.golden):
        difference = _difference(servable, case)
        if not difference <= tolerance:
            raise BundleError(
                f"golden case {number} of {servable.name}/{servable.version} differs from the "
                f"checkpoint by {difference:.4f} in a score, the tolerance is {tolerance:.4f}: "
                f"{servable.runtime} gives wrong answers on this device; export again, "
                "or choose another precision"
            )


def _difference(servable: Servable, case: GoldenCase) -> float:
    """Return the largest difference of any score between the checkpoint and the graph."""
    encoded = servable.encode(TextInput(case.text, case.text_pair), "truncate", 1)
    (actual,) = servable.run(encoded.windows)
    expected = np.array(case.logits, dtype=np.float32)
    if actual.shape != expected.shape:
        raise BundleError(
            f"the graph's logits have the shape {actual.shape}, the checkpoint's "
            f"{expected.shape}; tokenizer or graph belong to another checkpoint"
        )
    return float(score_differences(expected, actual, servable.manifest.problem_type).max())
