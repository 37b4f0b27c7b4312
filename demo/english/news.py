"""Ten plain news sentences with obvious entities, all of which the ner demo must find."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Finder = Callable[[str], Sequence[Mapping[str, Any]]]

_ENTITY = re.compile(r"\[(.+?) (PER|LOC|ORG)\]")
_MARKED = """\
[Angela Merkel PER] met [Emmanuel Macron PER] in [Paris LOC] on Tuesday.
[Microsoft ORG] is opening a new research centre in [London LOC].
Police in [Chicago LOC] arrested two men after a robbery on Friday night.
[Roger Federer PER] beat [Andy Roddick PER] in the final in [Melbourne LOC].
Shares in [Sony ORG] fell sharply in [Tokyo LOC] after the company cut its forecast.
[Gordon Brown PER] said that [Britain LOC] would send aid to [Indonesia LOC].
The [European Commission ORG] fined [Google ORG] over its search results.
[Serena Williams PER] will play her first match in [Australia LOC] next week.
Farmers in [Spain LOC] and [Italy LOC] are waiting for rain.
[Steve Jobs PER] founded [Apple ORG] in [California LOC]."""
# Sentences with their entities, each a pair of words and label.
SENTENCES: tuple[tuple[str, list[tuple[str, str]]], ...] = tuple(
    (_ENTITY.sub(r"\1", line), _ENTITY.findall(line)) for line in _MARKED.split("\n")
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
