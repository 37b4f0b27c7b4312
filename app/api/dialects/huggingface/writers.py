"""Writes answers as Hugging Face's clients read them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from pydantic_core import to_json

from app.api.dialects.dialect import identity
from app.api.inference.writer import LabelledText, Writer, Written, join_json
from app.engine.answer_cache import Parts
from app.engine.answers.entities import EntitySpan
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput


@dataclass(frozen=True)
class HuggingFaceWriter(Writer):
    """Writes a list per text.

    Attributes:
        alone: one text came, not in a list; its entities then stand alone too, its labels never.
        ignored: entity groups, or tags, that are left out.
    """

    alone: bool = False
    ignored: frozenset[str] = frozenset()

    @cached_property
    def key(self) -> tuple[str, frozenset[str]]:  # type: ignore[override]
        return "huggingface", self.ignored

    def labels(self, text: LabelledText) -> Parts:
        labels = [{"label": one.label, "score": one.score} for one in text.ranked]
        return (to_json(labels).decode(),)

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        kept = [one for one in entities if one.entity_group not in self.ignored]
        return (to_json([asdict(one) for one in kept]).decode(),)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        flat = self.alone and servable.manifest.task == "token-classification"
        content = join_json(answers) if flat else f"[{join_json(answers)}]"
        return Written(content.encode(), identity(servable))


@dataclass(frozen=True)
class SingleTagWriter(HuggingFaceWriter):
    """Writes tokens that are no entities yet: their tag twice, since clients insist on both."""

    @cached_property
    def key(self) -> tuple[str, frozenset[str]]:  # type: ignore[override]
        return "huggingface tags", self.ignored

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        kept = [one for one in entities if one.entity_group not in self.ignored]
        return (to_json([{"entity": one.entity_group, **asdict(one)} for one in kept]).decode(),)
