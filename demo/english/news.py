"""Ten plain news sentences with obvious entities, all of which the ner demo must find."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Finder = Callable[[str], Sequence[Mapping[str, Any]]]

SENTENCES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Angela Merkel met Emmanuel Macron in Paris on Tuesday.",
        (("Angela Merkel", "PER"), ("Emmanuel Macron", "PER"), ("Paris", "LOC")),
    ),
    (
        "Microsoft is opening a new research centre in London.",
        (("Microsoft", "ORG"), ("London", "LOC")),
    ),
    (
        "Police in Chicago arrested two men after a robbery on Friday night.",
        (("Chicago", "LOC"),),
    ),
    (
        "Roger Federer beat Andy Roddick in the final in Melbourne.",
        (("Roger Federer", "PER"), ("Andy Roddick", "PER"), ("Melbourne", "LOC")),
    ),
    (
        "Shares in Sony fell sharply in Tokyo after the company cut its forecast.",
        (("Sony", "ORG"), ("Tokyo", "LOC")),
    ),
    (
        "Gordon Brown said that Britain would send aid to Indonesia.",
        (("Gordon Brown", "PER"), ("Britain", "LOC"), ("Indonesia", "LOC")),
    ),
    (
        "The European Commission fined Google over its search results.",
        (("European Commission", "ORG"), ("Google", "ORG")),
    ),
    (
        "Serena Williams will play her first match in Australia next week.",
        (("Serena Williams", "PER"), ("Australia", "LOC")),
    ),
    (
        "Farmers in Spain and Italy are waiting for rain.",
        (("Spain", "LOC"), ("Italy", "LOC")),
    ),
    (
        "Steve Jobs founded Apple in California.",
        (("Steve Jobs", "PER"), ("Apple", "ORG"), ("California", "LOC")),
    ),
)


def missed(find: Finder) -> list[str]:
    """Return the entities that a pipeline with aggregation does not find."""
    misses = []
    for sentence, expected in SENTENCES:
        found = {(sentence[e["start"] : e["end"]], e["entity_group"]) for e in find(sentence)}
        for entity in expected:
            if entity not in found:
                misses.append(f"{entity[0]} ({entity[1]}) in {sentence!r}")
    return misses


def count() -> int:
    """Return the number of entities in the sentences."""
    return sum(len(expected) for _, expected in SENTENCES)
