"""A model warms up with texts that it could be asked, whatever length is needed."""

from pathlib import Path

import numpy as np
import pytest

from app.engine.models.loader import load_servable
from app.engine.models.servable import Servable
from app.engine.models.warm_up import longest_golden, reserve_memory, stretch
from app.engine.text.encoding import Encoding, TextInput
from tests.support.backends import FakeBackend
from tests.support.encodings import laid_out


@pytest.fixture
def mood(tiny_store: Path) -> Servable:
    return load_servable(tiny_store / "mood" / "1", FakeBackend(), None)


@pytest.mark.parametrize("tokens", [8, 9, 64, 500])
def test_a_text_of_any_length_keeps_its_special_tokens_around_its_words(
    mood: Servable, tokens: int
) -> None:
    cls, sep = (mood.tokenizer._tokenizer.token_to_id(one) for one in ("[CLS]", "[SEP]"))
    whole = mood.encode(TextInput("Angela Merkel visited Paris."), "error", 1).windows[0]
    text = stretch(whole, tokens)
    assert text.tokens == tokens
    assert (text.ids[0], text.ids[-1]) == (cls, sep)
    assert not {cls, sep, mood.manifest.pad_token_id} & set(text.ids[1:-1].tolist())


def test_token_types_go_with_their_tokens() -> None:
    text = laid_out(np.array([5, 6, 7, 2, 3]), [], [0, 1, 2], [])
    vars(text)["type_ids"] = np.array([0, 0, 0, 0, 2])
    assert stretch(text, 7).ids.tolist() == [5, 6, 7, 5, 6, 2, 3]
    assert stretch(text, 7).type_ids.tolist() == [0, 0, 0, 0, 0, 0, 2]


def test_a_text_without_words_is_repeated_whole() -> None:
    assert stretch(laid_out(np.array([2, 3]), [], [], []), 5).ids.tolist() == [2, 3, 2, 3, 2]


def test_memory_is_reserved_with_the_words_of_a_golden_case(mood: Servable) -> None:
    ran: list[Encoding] = []
    mood._session = type("Session", (), {"run": staticmethod(ran.extend)})()  # type: ignore[assignment]
    reserve_memory(mood, 1)
    assert [one.tokens for one in ran] == [mood.manifest.max_length]
    assert set(ran[0].ids.tolist()) <= set(longest_golden(mood).ids.tolist())
