"""Sentiment: snippets of film reviews, each rated by many people."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from demo.packages import SNIPPETS, fetch
from offline.readers.examples import Corpus, TextExample

SURE = 0.5  # on a scale from -4 to 4; ratings nearer to zero have no clear sentiment
_DATA = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_SNIPPETS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def load(cache: Path) -> Corpus:
    """Return the snippets as positive and negative texts."""
    archive = fetch(SNIPPETS, cache) / _DATA
    with tarfile.open(archive) as tar:
        member = tar.extractfile(_SNIPPETS)
        raw = member.read() if member else b""
    return Corpus(archive, tuple(read_snippets(raw.decode("utf-8"))))


def read_snippets(text: str) -> Iterator[TextExample]:
    """Yield the rows of id, mean rating and text that have a clear sentiment."""
    for number, line in enumerate(io.StringIO(text), start=1):
        _, rating, snippet = line.rstrip("\r\n").split("\t", 2)
        if abs(float(rating)) >= SURE:
            label = "positive" if float(rating) > 0 else "negative"
            yield TextExample(snippet.strip(), label, line=number)
