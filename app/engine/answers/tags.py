"""Reads a tagger's labels: the group of each, and whether it opens or closes an entity.

B- and I- follow transformers' pipeline, which joins neighbours of one group unless the second is
B-. So IO, BIO and the older IOB1 need not be told apart. Any other label is a kind of entity of its
own for that pipeline, which names it by what follows its first dash: E-MAIL is a MAIL. It knows no
other prefix and would take E-PER for a separate entity; here BIOES, BILOU and BMES keep their
meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.bundle.base import TagScheme

OUTSIDE = "O"
# The effect of a prefix on the entity: (opens a new one, closes it).
_IOB = {"B": (True, False), "I": (False, False)}
_EFFECTS: dict[TagScheme, dict[str, tuple[bool, bool]]] = {
    "IO": _IOB,
    "BIO": _IOB,
    "BIOES": _IOB | {"E": (False, True), "S": (True, True)},
    "BILOU": _IOB | {"L": (False, True), "U": (True, True)},
    "BMES": {
        "B": (True, False),
        "M": (False, False),
        "E": (False, True),
        "S": (True, True),
        "W": (True, True),
    },
}


@dataclass(frozen=True, slots=True)
class Tag:
    """One label of a tagger.

    Attributes:
        group: what its entities are called.
        kind: what two neighbours share if they are one entity; mostly the group.
    """

    label: str
    group: str
    kind: str
    opens: bool
    closes: bool

    @property
    def outside(self) -> bool:
        return self.label == OUTSIDE  # an entity's group may be called O too


def read_tags(labels: Sequence[str], scheme: TagScheme | None) -> tuple[Tag, ...]:
    """Return the tags in the labels' order; a label without a known prefix is its own kind.

    IO is the scheme of bare groups, which are called by their whole label.
    """
    effects = _EFFECTS[scheme or "IO"]
    tags = []
    for label in labels:
        prefix, dash, group = label.partition("-")
        if dash and prefix in effects:
            tags.append(Tag(label, group, group, *effects[prefix]))
        elif label == OUTSIDE:
            tags.append(Tag(label, "", "", opens=False, closes=False))
        else:
            name = group if dash and scheme != "IO" else label
            tags.append(Tag(label, name, label, opens=False, closes=False))
    return tuple(tags)


def groups(tags: Sequence[Tag]) -> list[str]:
    """Return the entity groups the tags name, sorted."""
    return sorted({tag.group for tag in tags if not tag.outside})
