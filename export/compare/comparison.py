"""Compute how far the answers of two subjects agree, and which answers changed."""

from dataclasses import dataclass, field
from functools import cached_property, partial

from export.checkpoint.config import ModelConfig
from export.compare.answers import TextPair, pair_answers
from export.compare.subjects import AnsweredSubject
from export.parity.agreement import Agreement
from export.parity.significance import chance_of_loss
from export.reference.evaluation import count_right, headline, headline_value, name_metrics
from offline.metrics import Counts


@dataclass(frozen=True)
class Comparison:
    """The figures of two subjects on the same texts.

    Attributes:
        counts: A's and B's, as `offline.metrics` counts each labelled text.
    """

    config: ModelConfig
    texts: tuple[TextPair, ...] = field(repr=False)
    counts: tuple[Counts, Counts] = field(repr=False)

    @property
    def labelled(self) -> int:
        return len(self.counts[0])

    @property
    def headline(self) -> str:
        return headline(self.config)

    @cached_property
    def metrics(self) -> tuple[dict[str, float], dict[str, float]]:
        """A's and B's, by name; empty without labels."""
        a, b = (name_metrics(self.config, counts) for counts in self.counts)
        return a, b

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
    def decisive(self) -> Agreement:
        """Equal labels, as a tolerance counts them; equal texts if any text has other tokens."""
        if len(self.comparable) == len(self.texts):
            return self.labels
        return Agreement(self.equal_texts, len(self.texts), self.labels.score_difference)

    @property
    def metric_loss(self) -> float:
        """The loss of B's headline metric against A's; negative for a gain, 0 without labels."""
        if not self.labelled:
            return 0.0
        a, b = (metrics[self.headline] for metrics in self.metrics)
        return a - b

    @cached_property
    def chance_of_loss(self) -> float:
        """How likely B's loss, or a greater one, is between two equal models; 1 for a gain."""
        a, b = self.counts
        return chance_of_loss(a, b, partial(headline_value, self.config))

    @cached_property
    def chance_of_gain(self) -> float:
        """How likely B's gain, or a greater one, is between two equal models; 1 for a loss."""
        a, b = self.counts
        return chance_of_loss(b, a, partial(headline_value, self.config))

    @cached_property
    def changed(self) -> list[TextPair]:
        """The texts with unequal answers, the worst first."""
        return sorted((t for t in self.texts if not t.equal), key=lambda t: -t.weight)


def compare_answers(a: AnsweredSubject, b: AnsweredSubject) -> Comparison:
    """Compare the answers to the same inputs; both have their labels in the same order."""
    return Comparison(
        config=a.config,
        texts=tuple(pair_answers(a, b, index) for index in range(len(a.workload.inputs))),
        counts=(_counts(a), _counts(b)),
    )


def _counts(subject: AnsweredSubject) -> Counts:
    return count_right(subject.config, subject.workload, subject.workload.logits)
