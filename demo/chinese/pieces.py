"""Reduces a Unigram tokenizer to the pieces that texts need."""

import copy
import json
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

from tokenizers import Tokenizer

from offline.readers.examples import TaggedExample

Document = dict[str, Any]  # what tokenizer.json holds

_SPACE = "▁"
_NEVER = -1000.0  # a log probability; those of the vocabulary are above -30
_CHUNK = 1000  # texts encoded at once: their encodings take more memory than their ids


def seen(document: Document, texts: Iterable[str]) -> set[int]:
    """Return the ids of the pieces in the texts."""
    tokenizer = Tokenizer.from_str(json.dumps(document))
    remaining, ids = iter(set(texts)), set[int]()
    while chunk := list(islice(remaining, _CHUNK)):
        for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
            ids.update(encoding.ids)
    return ids


def keep(document: Document, needed: Collection[int]) -> list[int]:
    """Return the needed ids and those of all special and single-character pieces, ascending.

    A text whose pieces are all kept is divided as before, because the best division still exists.
    In any other text, words become shorter pieces but not unknown ones.
    """
    special = {token["id"] for token in document["added_tokens"]}
    single = {
        number
        for number, (piece, _) in enumerate(_vocabulary(document))
        if len(piece.removeprefix(_SPACE)) <= 1
    }
    return sorted(special | single | set(needed))


def prune(document: Document, kept: Sequence[int]) -> Document:
    """Return the tokenizer with only these pieces; the new id of each is its index in `kept`."""
    new = {old: number for number, old in enumerate(kept)}
    pruned = copy.deepcopy(document)
    vocabulary = _vocabulary(document)
    pruned["model"]["vocab"] = [vocabulary[old] for old in kept]
    pruned["model"]["unk_id"] = new[document["model"]["unk_id"]]
    for token in pruned["added_tokens"]:
        token["id"] = new[token["id"]]
    for token in pruned["post_processor"]["special_tokens"].values():
        token["ids"] = [new[old] for old in token["ids"]]
    return pruned


def cut_at_borders(document: Document, examples: Sequence[TaggedExample]) -> Document:
    """Return the tokenizer without the pieces that cross the border of an entity in an example.

    If `in Beijing` is one piece, no tag can say where the city begins. Such pieces keep their ids,
    so that the weights stay valid, but become too unlikely to be chosen.
    """
    cut = document
    while across := _crossing(cut, examples):
        cut = copy.deepcopy(cut)
        for number in across:
            cut["model"]["vocab"][number][1] = _NEVER
    return cut


def _crossing(document: Document, examples: Sequence[TaggedExample]) -> set[int]:
    tokenizer = Tokenizer.from_str(json.dumps(document))
    never = {i for i, (_, score) in enumerate(_vocabulary(document)) if score == _NEVER}
    across = set()
    for example in examples:
        encoding = tokenizer.encode(example.text, add_special_tokens=False)
        borders = {end for span in example.spans for end in (span.start, span.end)}
        for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            start += example.text[start:end].startswith(" ")
            if not borders.isdisjoint(range(start + 1, end)):
                across.add(number)
    return across - never


def _vocabulary(document: Document) -> list[tuple[str, float]]:
    vocabulary: list[tuple[str, float]] = document["model"]["vocab"]
    return vocabulary
