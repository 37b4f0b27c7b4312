"""Composes texts of a known topic and opinion out of the evaluation texts of two demos."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from demo.demo import divide_demo
from demo.registry import DEMOS
from offline.readers.examples import Example, TextExample

# The sentiment demo reads 64 tokens: a longer lead would push the opinion out of its sight.
LEAD_WORDS = 32
OPINION_WORDS = 12

ByLabel = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class OpinionTexts:
    """Leads of reports by topic, and sentences with an opinion by sentiment."""

    leads: ByLabel
    opinions: ByLabel

    @classmethod
    def load(cls, cache: Path) -> Self:
        """Read the evaluation texts of `topic` and `sentiment`; their packages are fetched once."""
        reports = divide_demo(DEMOS["topic"], cache).evaluation
        snippets = divide_demo(DEMOS["sentiment"], cache).evaluation
        return cls(
            by_label(((lead(text), label) for text, label in labelled(reports)), LEAD_WORDS),
            by_label(labelled(snippets), OPINION_WORDS),
        )

    def compose(self, topic: str, sentiment: str, rng: random.Random) -> str:
        """Return a text: what happened, then an opinion, which need not be about it."""
        return f"{rng.choice(self.leads[topic])} {rng.choice(self.opinions[sentiment])}"


def lead(report: str) -> str:
    """Return a report's headline and its first sentence."""
    headline, _, body = report.partition("\n")
    sentence = body.strip().partition("\n")[0].partition(". ")[0].rstrip(".")
    return f"{headline.strip()}. {sentence}."


def labelled(examples: Iterable[Example]) -> Iterable[tuple[str, str]]:
    for example in examples:
        if isinstance(example, TextExample) and isinstance(example.label, str):
            yield example.text, example.label


def by_label(texts: Iterable[tuple[str, str]], most_words: int) -> ByLabel:
    """Group the texts that are not too long, by label in alphabetical order."""
    groups: dict[str, list[str]] = defaultdict(list)
    for text, label in texts:
        if len(text.split()) <= most_words:
            groups[label].append(text)
    return dict(sorted(groups.items()))
