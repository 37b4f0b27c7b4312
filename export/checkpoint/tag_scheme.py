"""Read the tag scheme of an NER checkpoint from its labels."""

import re
from collections.abc import Sequence
from pathlib import Path

from app.bundle import TagScheme
from app.engine.answers.tags import OUTSIDE
from export.errors import CheckpointRefused

REMEDY = (
    "labels must be O with B-X and I-X (BIO), with E-X and S-X too (BIOES), with L-X and U-X too "
    "(BILOU), or O with bare groups (IO)"
)
PREFIXES: dict[str, TagScheme] = {"BI": "BIO", "BIES": "BIOES", "BILU": "BILOU"}


def tag_scheme(path: Path, labels: Sequence[str]) -> TagScheme:
    """Return the scheme that the labels follow; raise CheckpointRefused if no scheme fits."""
    tags = [label for label in labels if label != OUTSIDE]
    unnamed = [tag for tag in tags if re.fullmatch(r"LABEL_\d+", tag)]
    if unnamed:
        found = f"the tags have no names ({', '.join(unnamed[:3])}, ...)"
        raise CheckpointRefused(path, found, f"set id2label in config.json; {REMEDY}")
    prefixed = [tag for tag in tags if re.match(r"[A-Z]-.", tag)]
    if not prefixed and tags:
        return "IO"
    used = {tag[0] for tag in prefixed}
    fitting = [scheme for prefixes, scheme in PREFIXES.items() if used <= set(prefixes)]
    if not fitting or len(prefixed) < len(tags) or OUTSIDE not in labels:
        found = f"the labels {', '.join(labels[:6])} follow no tag scheme"
        raise CheckpointRefused(path, found, REMEDY)
    return "IO" if used == {"I"} else fitting[0]
