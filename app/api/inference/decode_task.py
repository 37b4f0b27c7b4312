"""Defines what a route makes of a model's logits."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from app.engine.answer_cache import InputAnswer
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput, Logits

# Gives an input's result.
Decode = Callable[[EncodedInput, Sequence[Logits]], InputAnswer]


@dataclass(frozen=True, slots=True, eq=False)
class DecodeTask:
    """What a route wants of a servable.

    Attributes:
        options: all that `decode` takes from the request.
        per_token: `decode` takes time for each token, not for each input.
    """

    servable: Servable
    decode: Decode = field(repr=False)
    options: Hashable
    per_token: bool = False
