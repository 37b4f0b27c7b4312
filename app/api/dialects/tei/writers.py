"""Writes answers as clients of text-embeddings-inference read them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from app.api.dialects.dialect import identity
from app.api.inference.writer import Headers, LabelledText, Writer, Written, join_json
from app.engine.answer_cache import Parts
from app.engine.answers.decoding import LabelScore
from app.engine.models.servable import Servable


class TeiWriter(Writer):
    """Writes an answer, then how many characters and tokens it took."""

    def labels(self, text: LabelledText) -> Parts:
        encoded = text.encoded
        return self._answer(text.ranked), str(encoded.source.characters), str(encoded.tokens)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        characters, tokens = (sum(int(answer[at]) for answer in answers) for at in (1, 2))
        headers = _headers(characters, tokens, stages)
        return Written(self._join(answers), [*identity(servable), *headers])

    @abstractmethod
    def _answer(self, ranked: Sequence[LabelScore]) -> str: ...

    @abstractmethod
    def _join(self, answers: Sequence[Parts]) -> bytes: ...


@dataclass(frozen=True)
class PredictWriter(TeiWriter):
    """Writes all labels, the best first."""

    alone: bool

    key = "tei predict"

    def _answer(self, ranked: Sequence[LabelScore]) -> str:
        return to_json([{"score": one.score, "label": one.label} for one in ranked]).decode()

    def _join(self, answers: Sequence[Parts]) -> bytes:
        joined = join_json(answers)
        return (joined if self.alone else f"[{joined}]").encode()


@dataclass(frozen=True)
class RerankWriter(TeiWriter):
    """Writes the places of the texts by falling score of their only label.

    Attributes:
        shown: the texts, where they are to be sent back.
    """

    shown: Sequence[str] | None

    key = "tei rerank"

    def _answer(self, ranked: Sequence[LabelScore]) -> str:
        return repr(ranked[0].score)

    def _join(self, answers: Sequence[Parts]) -> bytes:
        scores = [float(answer[0]) for answer in answers]
        order = sorted(range(len(scores)), key=lambda at: -scores[at])
        ranks: list[dict[str, object]] = [{"index": at, "score": scores[at]} for at in order]
        for rank, at in zip(ranks, order, strict=True):
            if self.shown is not None:
                rank["text"] = self.shown[at]
        return to_json(ranks)


def _headers(characters: int, tokens: int, stages: Mapping[str, float]) -> Headers:
    milliseconds = {stage: str(round(seconds * 1000)) for stage, seconds in stages.items()}
    total = str(round(sum(stages.values()) * 1000))
    told = {
        "x-compute-type": "classmark",
        "x-compute-characters": str(characters),
        "x-compute-tokens": str(tokens),
        "x-compute-time": total,
        "x-total-time": total,
        "x-tokenization-time": milliseconds.get("encode", "0"),
        "x-queue-time": milliseconds.get("queue", "0"),
        "x-inference-time": milliseconds.get("run", "0"),
    }
    return [(name.encode(), value.encode()) for name, value in told.items()]
