"""Read the labels of a checkpoint, and the tag scheme that they follow."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.bundle import TagScheme
from app.engine.answers.tags import OUTSIDE
from export.errors import CheckpointRefused

SCHEMES_REMEDY = (
    "labels must be O with B-X and I-X (BIO), with E-X and S-X too (BIOES), with L-X and U-X too "
    "(BILOU), or O with bare groups (IO)"
)
PREFIXES: dict[str, TagScheme] = {"BI": "BIO", "BIES": "BIOES", "BILU": "BILOU"}


def read_labels(path: Path, raw: dict[str, Any]) -> tuple[str, ...]:
    """Return the labels in id order, as transformers names them."""
    mapping = raw.get("id2label")
    count = _count_labels(path, raw)
    if mapping is None:  # transformers does not write the names that it gives by default
        return tuple(f"LABEL_{index}" for index in range(count))
    remedy = 'correct id2label in config.json, e.g. {"0": "negative", "1": "positive"}'
    if not isinstance(mapping, dict) or not mapping:
        raise CheckpointRefused(path, f"id2label is {mapping!r}", remedy)
    wanted = [str(index) for index in range(count)]
    if sorted(mapping, key=lambda key: (len(key), key)) != wanted:
        found = f"id2label has the ids {', '.join(mapping)} where {count} labels need 0 to "
        raise CheckpointRefused(path, found + str(count - 1), remedy)
    labels = tuple(str(mapping[key]) for key in wanted)
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise CheckpointRefused(
            path,
            f"id2label gives {', '.join(repeated)} to several ids",
            "give every id a name of its own",
        )
    return labels


def _count_labels(path: Path, raw: dict[str, Any]) -> int:
    """Return the number of labels, which is 2 where config.json has nothing, as in transformers."""
    given = raw.get("num_labels")
    if given is None or (given == 0 and raw.get("id2label")):
        return len(raw.get("id2label") or "ab")
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given
    remedy = "give the number of labels, or leave it out beside id2label"
    raise CheckpointRefused(path, f"num_labels is {given!r} in config.json", remedy)


def read_tag_scheme(path: Path, labels: Sequence[str]) -> TagScheme:
    """Return the scheme that the labels follow; raise CheckpointRefused if no scheme fits."""
    tags = [label for label in labels if label != OUTSIDE]
    unnamed = [tag for tag in tags if re.fullmatch(r"LABEL_\d+", tag)]
    if unnamed:
        found = f"the tags have no names ({', '.join(unnamed[:3])}, ...)"
        raise CheckpointRefused(path, found, f"set id2label in config.json; {SCHEMES_REMEDY}")
    prefixed = [tag for tag in tags if re.match(r"[A-Z]-.", tag)]
    if not prefixed and tags:
        return "IO"
    used = {tag[0] for tag in prefixed}
    fitting = [scheme for prefixes, scheme in PREFIXES.items() if used <= set(prefixes)]
    if not fitting or len(prefixed) < len(tags) or OUTSIDE not in labels:
        found = f"the labels {', '.join(labels[:6])} follow no tag scheme"
        raise CheckpointRefused(path, found, SCHEMES_REMEDY)
    return "IO" if used == {"I"} else fitting[0]
