"""Run a graph that may fail: whatever goes wrong is a missed gate of its precision, in one line."""

from collections.abc import Sequence

import numpy as np

from app.engine.backends.base import Mode, Session
from app.engine.backends.onnxruntime import first_line
from app.engine.text.encoding import Encoding, Logits
from app.errors import lacks_memory
from export.errors import GateFailed


class CheckedSession:
    """A session whose every failure says which graph it is of."""

    def __init__(self, session: Session, mode: Mode) -> None:
        self.execution = session.execution
        self._session = session
        self._mode = mode

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        """Return the logits; raise GateFailed if the graph fails, or they are not finite."""
        try:
            logits = self._session.run(encodings)
        except Exception as exc:  # runtimes raise many unrelated types
            raise GateFailed(self._explain(exc, encodings)) from exc
        if not all(np.isfinite(rows).all() for rows in logits):
            raise GateFailed(
                f"the {self._mode} graph gives logits that are not finite: values inside went "
                f"beyond what {self._mode.precision} holds"
            )
        return logits

    def _explain(self, exc: Exception, encodings: Sequence[Encoding]) -> str:
        if lacks_memory(exc):
            longest = max(one.tokens for one in encodings)
            return (
                f"memory is short for {len(encodings)} x {longest} tokens in {self._mode}; free "
                "some, or export with a smaller --max-length"
            )
        return f"the {self._mode} graph fails when it runs ({first_line(exc)})"
