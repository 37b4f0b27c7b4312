"""Read the labels of a checkpoint, and the tag scheme that they follow."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.bundle.base import TagScheme
from app.engine.answers.tags import OUTSIDE
from export.errors import CheckpointRefused

SCHEMES_REMEDY = (
    "rename the labels in config.json: B-X and I-X (BIO), with E-X and S-X too (BIOES), with L-X "
    "and U-X too (BILOU), B-X, M-X, E-X and S-X (BMES), or groups without a prefix (IO)"
)
# The markers of a group's labels, and the scheme whose they are.
SCHEMES: dict[str, TagScheme] = {
    "BI": "BIO",
    "BIES": "BIOES",
    "BILU": "BILOU",
    "BMES": "BMES",
    "BMEW": "BMES",
}
MARKED = re.compile(r"(?P<marker>[BIESLUMW])-(?P<group>.+)")
# Schemes in a writing that neither the pipeline nor the service reads: b-per, B_PER, PER-B.
LOOK_ALIKES = (
    re.compile(r"(?P<marker>[bieslumw])[-_:./|](?P<group>.+)", re.IGNORECASE),
    re.compile(r"(?P<group>.+)[-_:./|](?P<marker>[bieslumw])", re.IGNORECASE),
)


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


def rename_labels(
    path: Path, labels: tuple[str, ...], names: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the names of --labels where they are given; raise CheckpointRefused if others fit."""
    if names is None:
        return labels
    if len(names) != len(labels):
        found = f"--labels has {len(names)} names and the checkpoint {len(labels)} labels"
        raise CheckpointRefused(path, found, f"give {len(labels)}, in id order")
    return tuple(names)


def lack_names(labels: Sequence[str]) -> bool:
    """Tell whether the labels have the names that transformers gives by default."""
    return all(re.fullmatch(r"LABEL_\d+", label) for label in labels)


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
    """Return the scheme that the labels follow; raise CheckpointRefused if there is none.

    A marker such as E- counts as one where a group has another beside it; E-MAIL alone is a group.
    """
    tags = [label for label in labels if label != OUTSIDE]
    unnamed = [tag for tag in tags if re.fullmatch(r"LABEL_\d+", tag)]
    if unnamed:
        found = f"the tags have no names ({', '.join(unnamed[:3])}, ...)"
        raise CheckpointRefused(path, found, f"give --labels, or set id2label; {SCHEMES_REMEDY}")
    markers = [one for one in _markers(MARKED, tags).values() if len(one) > 1]
    used = set().union(*markers)
    fitting = [scheme for known, scheme in SCHEMES.items() if used <= set(known)]
    if not fitting or _look_alike(tags):
        found = f"the labels {', '.join(labels[:6])} follow no tag scheme"
        raise CheckpointRefused(path, found, SCHEMES_REMEDY)
    if used:
        return fitting[0]
    bare = all("-" not in tag or tag.startswith("I-") for tag in tags)
    return "IO" if bare else "BIO"


def _markers(pattern: re.Pattern[str], tags: Sequence[str]) -> dict[str, set[str]]:
    """Return the markers that each group has in this writing."""
    found: dict[str, set[str]] = {}
    for match in filter(None, map(pattern.fullmatch, tags)):
        found.setdefault(match["group"], set()).add(match["marker"].upper())
    return found


def _look_alike(tags: Sequence[str]) -> bool:
    """Tell whether a group has a beginning and a middle in a writing that nothing reads."""
    others = [tag for tag in tags if not MARKED.fullmatch(tag)]
    for writing in LOOK_ALIKES:
        for group in _markers(writing, others):
            markers = _markers(writing, tags)[group]
            if "B" in markers and markers & {"I", "M"}:
                return True
    return False
