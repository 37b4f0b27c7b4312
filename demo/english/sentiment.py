"""Sentiment: snippets of four kinds of text, each rated by many people."""

import io
import random
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from demo.packages import SNIPPETS, fetch
from offline.readers.examples import Corpus, Example, TextExample
from training.split import deduplicate, drop_shared, sample, stratify

SURE = 0.5  # on a scale from -4 to 4; ratings nearer to zero have no clear sentiment
HELD_OUT = 0.1
_DATA = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_FILE = "hutto_ICWSM_2014/{}_GroundTruth.txt"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of text: its file, the rows to train on, whether they are cut from longer texts."""

    file: str
    rows: int
    is_cut: bool = False


KINDS = {
    "films": Kind("movieReviewSnippets", 6500),
    "tweets": Kind("tweets", 1500),
    "products": Kind("amazonReviewSnippets", 1200, is_cut=True),
    "editorials": Kind("nytEditorialSnippets", 800, is_cut=True),
}


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one kind to train on, and those held out."""

    train: Sequence[Example]
    held_out: Sequence[Example]


def load(cache: Path) -> Corpus:
    """Return the rows to train on, of all kinds, as positive and negative texts."""
    archive, parts = _read(cache)
    return Corpus(archive, tuple(row for part in parts.values() for row in part.train))


def load_held_out(cache: Path) -> Corpus:
    """Return the rows held out, of all kinds."""
    archive, parts = _read(cache)
    return Corpus(archive, tuple(row for part in parts.values() for row in part.held_out))


def kinds(cache: Path) -> Mapping[str, Sequence[Example]]:
    """Return the rows held out of each kind."""
    return {name: part.held_out for name, part in _read(cache)[1].items()}


@lru_cache
def _read(cache: Path) -> tuple[Path, Mapping[str, Part]]:
    archive = fetch(SNIPPETS, cache) / _DATA
    found = {}
    with tarfile.open(archive) as tar:
        for name, kind in KINDS.items():
            member = tar.extractfile(_FILE.format(kind.file))
            raw = member.read() if member else b""
            found[name] = divide(raw.decode("utf-8"), kind, archive)
    return archive, found


def divide(text: str, kind: Kind, file: Path, seed: int = 0) -> Part:
    """Divide the rows of a file into those to train on, no more than wanted, and those held out.

    Rows that are parts of one longer text stay together.
    """
    rows = list(read_snippets(text))
    unique, _, _ = deduplicate([row for _, row in rows])
    if kind.is_cut:
        sources = sorted({source for source, _ in rows})
        chosen = set(random.Random(seed).sample(sources, round(len(sources) * HELD_OUT)))
        outside = {row.line for source, row in rows if source in chosen}
        held_out = [row for row in unique if row.line in outside]
        train = drop_shared([row for row in unique if row.line not in outside], held_out)
    else:
        train, held_out = stratify(unique, HELD_OUT, seed, file)
    return Part(sample(train, kind.rows, seed), held_out)


def read_snippets(text: str) -> Iterator[tuple[str, TextExample]]:
    """Yield the rows of id, mean rating and text that have a clear sentiment, with their source."""
    for number, line in enumerate(io.StringIO(text), start=1):
        name, rating, snippet = line.rstrip("\r\n").split("\t", 2)
        if abs(float(rating)) >= SURE:
            label = "positive" if float(rating) > 0 else "negative"
            yield name.partition("_")[0], TextExample(snippet.strip(), label, line=number)
