"""The tag scheme of an NER checkpoint, read from its labels."""

import re
from collections.abc import Sequence
from pathlib import Path

from app.bundle import TagScheme
from app.engine.entities import OUTSIDE
from export.errors import CheckpointRefused

REMEDY = "labels must be O with B-X and I-X (BIO), or O with bare groups (IO)"


def tag_scheme(path: Path, labels: Sequence[str]) -> TagScheme:
    """Return the scheme that the labels follow; raise CheckpointRefused where it is none served."""
    tags = [label for label in labels if label != OUTSIDE]
    unnamed = [tag for tag in tags if re.fullmatch(r"LABEL_\d+", tag)]
    if unnamed:
        found = f"the tags have no names ({', '.join(unnamed[:3])}, ...)"
        raise CheckpointRefused(path, found, f"set id2label in config.json; {REMEDY}")
    foreign = [tag for tag in tags if re.match(r"[SELUM]-.", tag)]
    if foreign:
        found = f"the tags {', '.join(foreign[:3])} belong to BIOES or BILOU"
        raise CheckpointRefused(path, found, REMEDY)
    prefixed = [tag for tag in tags if re.match(r"[BI]-.", tag)]
    if not tags or (prefixed and (len(prefixed) < len(tags) or OUTSIDE not in labels)):
        found = f"the labels {', '.join(labels[:6])} are no tag scheme"
        raise CheckpointRefused(path, found, REMEDY)
    return "BIO" if any(tag.startswith("B-") for tag in tags) else "IO"
