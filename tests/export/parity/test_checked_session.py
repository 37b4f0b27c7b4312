"""A graph that fails while it is measured misses its gate, in one line that names it."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.engine.backends.base import PADDED, Mode
from app.engine.text.encoding import Encoding, Logits, blank
from export.errors import GateFailed
from export.parity.checked_session import CheckedSession


class Broken:
    execution = PADDED

    def __init__(self, outcome: Exception | float) -> None:
        self._outcome = outcome

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return [np.array([1.0, self._outcome], np.float32) for _ in encodings]


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (RuntimeError("Reshape node: bad shape\nand a stack"), r"fails when it runs \(Reshape"),
        (float("nan"), "not finite.*beyond what int8 holds"),
        (float("inf"), "not finite"),
        (MemoryError(), "memory is short for 1 x 9 tokens in int8; .*--max-length"),
        (RuntimeError("Failed to allocate memory for requested buffer"), "memory is short"),
    ],
)
def test_whatever_goes_wrong_is_one_line_with_the_precision(
    outcome: Exception | float, message: str
) -> None:
    session = CheckedSession(Broken(outcome), Mode("int8"))
    with pytest.raises(GateFailed, match=message) as caught:
        session.run([blank(9, 1)])
    assert "int8" in str(caught.value)
    assert "\n" not in str(caught.value)
