"""Defines what is measured of models' predictions: what they read, and what they say of it."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from app.telemetry.histogram import Histogram
from app.telemetry.series import ModelLabels

TOKENS = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
# Labels of one model version that answers are counted under; a model may have thousands.
MOST_LABELS = 100
OTHER: Final = "other"


class AnswerCounters(dict[str, Counter]):
    """The counters of one version's answers by label; the first labels get one each."""

    def __init__(self, answers: Counter, labels: ModelLabels) -> None:
        super().__init__()
        self._answers = answers
        self._labels = labels

    def __missing__(self, label: str) -> Counter:
        shown = label if len(self) < MOST_LABELS else OTHER
        counter = self[label] = self._answers.labels(*self._labels, shown)
        return counter


class PredictionMetrics:
    """Inputs as a model reads them, and its answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._observe_inputs(registry)
        self._observe_answers(registry)

    def _observe_inputs(self, registry: CollectorRegistry) -> None:
        self.input_tokens = Histogram(
            "classmark_input_tokens",
            "Tokens of an input, over all its windows; what the cache answers is not read.",
            ["model", "version"],
            buckets=TOKENS,
            registry=registry,
        )
        self.unknown_tokens = Counter(
            "classmark_unknown_tokens",
            "Tokens of inputs that stand for what the tokenizer does not know, over all windows; "
            "their share is of classmark_input_tokens_sum. Always 0 where the tokenizer knows "
            "every byte.",
            ["model", "version"],
            registry=registry,
        )
        self.truncated_inputs = Counter(
            "classmark_truncated_inputs",
            "Inputs cut to the model's length.",
            ["model"],
            registry=registry,
        )

    def _observe_answers(self, registry: CollectorRegistry) -> None:
        self.answers = Counter(
            "classmark_answers",
            "Texts by their best label (empty where none reached its threshold), entities by "
            f"their group; the first {MOST_LABELS} labels of a version, then {OTHER}.",
            ["model", "version", "label"],
            registry=registry,
        )
        self.answer_score = Histogram(
            "classmark_answer_score",
            "Score of a text's best label, whether it reached its threshold or not, and of an "
            "entity. Not of regressors, and not where a request asked for logits.",
            ["model", "version"],
            buckets=SCORES,
            registry=registry,
        )
