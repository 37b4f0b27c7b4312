"""The workload is the same each time, and as long as promised."""

import re

import numpy as np
import pytest

from benchmarks.subjects.workload import (
    LONG_TOKENS,
    MAX_TOKENS,
    Workload,
    draw_lengths,
    make_workload,
)

SOURCES = [" ".join(f"word{n}" for n in range(count)) for count in (3, 7, 12, 30)]


def words(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(r"\S+", text)]


@pytest.fixture(scope="module")
def workload() -> Workload:
    return make_workload(SOURCES, words, 200)


def test_the_same_arguments_give_the_same_workload(workload: Workload) -> None:
    assert make_workload(SOURCES, words, 200) == workload


def test_lengths_are_lognormal_around_22_tokens() -> None:
    lengths = draw_lengths(np.random.default_rng(0), 20_000)
    assert 21 <= np.median(lengths) <= 23
    assert 27 <= np.mean(lengths) <= 29
    assert max(lengths) == MAX_TOKENS
    assert 0 < np.mean(np.array(lengths) == MAX_TOKENS) < 0.003


def test_texts_have_the_length_that_was_drawn(workload: Workload) -> None:
    special = 2
    lengths = [len(words(text)) + special for text in workload.texts]
    assert 20 <= np.median(lengths) <= 25
    assert max(lengths) <= MAX_TOKENS
    assert {len(words(text)) + special for text in workload.long_texts} == {LONG_TOKENS}
