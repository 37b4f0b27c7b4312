"""Reads from a project's labeling configuration what is labelled, and by which names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from app.bundle.base import Task
from app.errors import InvalidRequest

# The tag that holds the labels, and that of each of them.
CONTROLS: Mapping[Task, tuple[str, str]] = {
    "sequence-classification": ("Choices", "Choice"),
    "token-classification": ("Labels", "Label"),
}


@dataclass(frozen=True, slots=True, eq=False)
class LabelingConfig:
    """What a configuration says to a model.

    Attributes:
        from_name, to_name: of the tag that labels, and of the one that shows the text.
        data_key: where tasks have the text.
        several: a text may have several choices.
        shown: what an annotation calls a label, by the names that the configuration knows it by.
    """

    from_name: str
    to_name: str
    data_key: str
    several: bool
    shown: Mapping[str, str]

    def match(self, labels: Sequence[str]) -> dict[str, str]:
        """Return what annotations call each of a model's labels; those it lacks are missing."""
        known = ((label, self.shown.get(label.casefold())) for label in labels)
        return {label: name for label, name in known if name is not None}


def read_config(xml: str, task: Task) -> LabelingConfig:
    """Return what a configuration says to models that do this.

    Raises:
        InvalidRequest: it is not XML, declares entities, or has no tags for this.
    """
    tree = _parse(xml)
    control, item = CONTROLS[task]
    keys = {text.get("name"): _data_key(text) for text in tree.iter("Text")}
    for found in tree.iter(control):
        name, shows = found.get("name", ""), found.get("toName", "")
        if key := keys.get(shows):
            several = found.get("choice") == "multiple"
            return LabelingConfig(name, shows, key, several, _shown(found.iter(item)))
    raise InvalidRequest(
        f"the labeling configuration has no <{control}> for a <Text>; add one whose toName is the "
        'name of a <Text value="$…">, or connect a model of another kind'
    )


def _parse(xml: str) -> ElementTree.Element:
    if "<!DOCTYPE" in xml:  # only there can entities be declared, which may grow without end
        raise InvalidRequest("the labeling configuration has a DOCTYPE; remove it")
    try:
        return ElementTree.fromstring(xml)
    except (ElementTree.ParseError, UnicodeEncodeError) as exc:
        raise InvalidRequest(
            f"the labeling configuration is not XML: {exc}; send it as the project has it"
        ) from None


def _data_key(text: ElementTree.Element) -> str:
    """Return the key that a tag takes its text from; nothing if it takes none, or an address."""
    value = text.get("value", "")
    return value[1:] if value.startswith("$") and text.get("valueType") != "url" else ""


def _shown(items: Iterable[ElementTree.Element]) -> dict[str, str]:
    """Return labels by the names in `predicted_values`, and where these say nothing by their own.

    A choice with an alias is called by that in annotations.
    """
    by_name, by_prediction = {}, {}
    for item in items:
        value = item.get("value", "")
        shown = item.get("alias", value) if item.tag == "Choice" else value
        by_name[value.casefold()] = shown
        for name in item.get("predicted_values", "").split(","):
            by_prediction[name.strip().casefold()] = shown
    return by_name | by_prediction
