"""Compute how far the answers of two subjects agree, and which answers changed."""

from dataclasses import dataclass, field
from functools import cached_property

from app.bundle import Task
from export.compare.answers import TextPair, pair_answers
from export.compare.subjects import AnsweredSubject
from export.parity.agreement import Agreement
from export.reference.evaluation import evaluate, headline


@dataclass(frozen=True)
class Comparison:
    """The figures of two subjects on the same texts; metrics are empty without labels."""

    task: Task
    texts: tuple[TextPair, ...] = field(repr=False)
    labelled: int
    headline: str
    metrics: tuple[dict[str, float], dict[str, float]]

    @cached_property
    def comparable(self) -> list[Agreement]:
        """The label comparisons of the texts that both tokenizers cut into the same tokens."""
        return [text.labels for text in self.texts if text.labels is not None]

    @property
    def labels(self) -> Agreement:
        """Labels counted over all comparable texts, and the largest difference of a score."""
        return Agreement(
            equal=sum(one.equal for one in self.comparable),
            compared=sum(one.compared for one in self.comparable),
            score_difference=max((one.score_difference for one in self.comparable), default=0.0),
        )

    @property
    def mean_score_difference(self) -> float:
        """Mean over the comparable texts of each text's largest difference."""
        found = [one.score_difference for one in self.comparable]
        return sum(found) / max(1, len(found))

    @property
    def equal_texts(self) -> int:
        return sum(text.equal for text in self.texts)

    @property
    def agreement(self) -> float:
        """Share of equal labels, as a tolerance counts it; of equal texts if tokens differ."""
        if len(self.comparable) == len(self.texts):
            return self.labels.share
        return self.equal_texts / len(self.texts)

    @property
    def metric_loss(self) -> float:
        """The loss of B's headline metric against A's; negative for a gain, 0 without labels."""
        if not self.labelled:
            return 0.0
        a, b = (metrics[self.headline] for metrics in self.metrics)
        return round(a - b, 9)  # so that 0.95 - 0.94 is not more than 0.01

    @cached_property
    def changed(self) -> list[TextPair]:
        """The texts with unequal answers, the worst first."""
        return sorted((t for t in self.texts if not t.equal), key=lambda t: -t.weight)


def compare_answers(a: AnsweredSubject, b: AnsweredSubject) -> Comparison:
    """Compare the answers to the same inputs; both have their labels in the same order."""
    return Comparison(
        task=a.config.task,
        texts=tuple(pair_answers(a, b, index) for index in range(len(a.workload.inputs))),
        labelled=len(a.workload.examples),
        headline=headline(a.config),
        metrics=(_metrics(a), _metrics(b)),
    )


def _metrics(subject: AnsweredSubject) -> dict[str, float]:
    return evaluate(subject.config, subject.workload, subject.workload.logits)
