"""Answers zero-shot classification from a model that tells whether a text entails a hypothesis.

The scores are those of transformers' `ZeroShotClassificationPipeline`: the entailment logits of all
labels against one another, or, with several labels at a time, each against its contradiction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic_core import to_json

from app.api.dialects.dialect import GivenInputs, identity
from app.api.dialects.huggingface.schema import Parameters
from app.api.inference.question import LabelOptions, Question
from app.api.inference.writer import LabelledText, Writer, Written
from app.bundle.manifest import Manifest
from app.engine.answer_cache import Parts
from app.engine.answers.decoding import softmax
from app.engine.models.servable import Servable
from app.errors import InvalidRequest
from app.schemas.requests import Pair


@dataclass(frozen=True)
class ZeroShotWriter(Writer):
    """Keeps two logits a pair, and makes scores of them when all pairs are there.

    Attributes:
        texts, candidates: every text was paired with every candidate.
        together: several labels may hold at a time.
        as_dict: write what huggingface_hub before 1.0 reads.
    """

    texts: tuple[str, ...]
    candidates: tuple[str, ...]
    together: bool
    alone: bool
    as_dict: bool

    key = "zero-shot"

    def labels(self, text: LabelledText) -> Parts:
        entailment = find_entailment(text.manifest)
        contradiction = -1 if entailment == 0 else 0
        return repr(text.scores[entailment]), repr(text.scores[contradiction])

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        pairs = [[float(part) for part in answer] for answer in answers]
        logits = np.array(pairs).reshape(len(self.texts), len(self.candidates), 2)
        if self.together or len(self.candidates) == 1:
            scores = softmax(logits)[:, :, 0]
        else:
            scores = softmax(logits[:, :, 0])
        rows = zip(self.texts, scores.tolist(), strict=True)
        results = [self._result(text, row) for text, row in rows]
        return Written(to_json(results[0] if self.alone else results), identity(servable))

    def _result(self, text: str, scores: Sequence[float]) -> object:
        ranked = sorted(zip(scores, self.candidates, strict=True), key=lambda one: -one[0])
        if self.as_dict:
            labels, numbers = [label for _, label in ranked], [score for score, _ in ranked]
            return {"sequence": text, "labels": labels, "scores": numbers}
        return [{"label": label, "score": round(score, 6)} for score, label in ranked]


def find_entailment(manifest: Manifest) -> int:
    """Return the place of the label for entailment; raise InvalidRequest if there is none."""
    for place, label in enumerate(manifest.labels):
        if label.lower().startswith("entail"):
            return place
    raise InvalidRequest(
        f"zero-shot classification needs a model with a label `entailment`; {manifest.name} has "
        f"{', '.join(manifest.labels[:8])}; leave out candidate_labels, or name another model"
    )


def ask_zero_shot(
    servable: Servable, inputs: GivenInputs, parameters: Parameters, *, as_dict: bool
) -> Question:
    """Return the question whether each text entails each candidate label."""
    find_entailment(servable.manifest)
    texts = tuple(item if isinstance(item, str) else item.text for item in inputs.items)
    candidates = tuple(parameters.candidate_labels or ())
    template = parameters.hypothesis_template
    if "{}" not in template:
        raise InvalidRequest(
            "parameters.hypothesis_template has no {}; put it where the label belongs, as in "
            "'This example is {}.'"
        )
    pairs: list[str | Pair] = [
        Pair.model_construct(text=text, text_pair=template.replace("{}", label))
        for text in texts
        for label in candidates
    ]
    together = parameters.multi_label
    writer = ZeroShotWriter(texts, candidates, together, inputs.alone, as_dict)
    options = LabelOptions(activation="none")
    return Question(servable.name, pairs, options, parameters.long_text, writer)
