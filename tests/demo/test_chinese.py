"""Preparation of the Chinese demo data, on small fixtures."""

from pathlib import Path

import pytest

from demo.chinese import ner, sentiment
from offline.readers.examples import Span
from training.split import divide


def tagged(*sentences: str) -> str:
    """Return sentences, `character tag` by `character tag`, as the corpus writes them."""
    return "".join(s.replace(" ", "\r\n").replace("/", " ") + "\r\n\r\n" for s in sentences)


def convert(*sentences: str) -> list[tuple[str, tuple[Span, ...]]]:
    blocks = [s.replace(" ", "\n").replace("/", " ") for s in sentences]
    return [(e.text, e.spans) for e in map(ner.convert, blocks)]


def test_tags_become_spans_over_the_characters():
    (example,) = convert("我/O 在/O 北/B-LOC 京/E-LOC 见/O 王/B-PER 小/M-PER 明/E-PER 美/S-LOC")
    text, spans = example
    assert text == "我在北京见王小明美"
    assert spans == (Span(2, 4, "LOC"), Span(5, 8, "PER"), Span(8, 9, "LOC"))


@pytest.mark.parametrize(
    ("sentence", "spans"),
    [
        ("北/M-LOC 京/E-LOC", (Span(0, 2, "LOC"),)),
        ("北/O 京/E-LOC", (Span(1, 2, "LOC"),)),
        ("北/B-LOC 京/O", (Span(0, 1, "LOC"),)),
        ("北/O 京/B-LOC", (Span(1, 2, "LOC"),)),
        ("北/B-LOC 京/B-LOC 市/E-LOC", (Span(0, 1, "LOC"), Span(1, 3, "LOC"))),
        ("北/B-LOC 大/E-ORG", (Span(0, 1, "LOC"), Span(1, 2, "ORG"))),
    ],
)
def test_an_entity_with_inconsistent_tags_is_kept(sentence, spans):
    assert [found for _, found in convert(sentence)] == [spans]


def test_sentences_are_drawn_by_seed_and_none_twice(tmp_path):
    different = [f"{character}/O 人/O" for character in "天地玄黄宇宙洪荒"]
    path = tmp_path / "corpus.txt"
    path.write_text(tagged(*different, *different), encoding="utf-8")
    blocks = ner.read_blocks(path)
    assert len(blocks) == 16
    drawn = ner.draw(blocks, 4, seed=1)
    assert drawn == ner.draw(blocks, 4, seed=1) != ner.draw(blocks, 4, seed=2)
    assert len({ner.text_of(block) for block in drawn}) == 4
    assert len(ner.draw(blocks, 99, seed=1)) == 8


def test_sentences_that_name_something_are_told_apart():
    assert ner.names_something("我 O\n京 S-LOC")
    assert not ner.names_something("我 O\nO O")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    good = [f"房间很大，服务好{n}" for n in range(20)]
    bad = [f"隔音太差，不要住{n}" for n in range(20)]
    both = "在两个文件里都有的一句"
    (tmp_path / "pos.txt").write_text("\n".join([*good, *good, both, "好"]), encoding="utf-8")
    (tmp_path / "neg.txt").write_text("\n".join([*bad, both, ""]), encoding="utf-8")
    return tmp_path


def test_reviews_are_labelled_by_their_file_and_short_lines_are_left_out(reviews):
    rows = list(sentiment.read_reviews(reviews))
    assert {(r.text[:2], r.label) for r in rows} == {
        ("房间", "positive"), ("隔音", "negative"), ("在两", "positive"), ("在两", "negative"),
    }  # fmt: skip
    assert len(rows) == 62


def test_repeated_reviews_and_those_of_both_kinds_are_gone_before_the_division(reviews):
    corpus = sentiment.Corpus(reviews, tuple(sentiment.read_reviews(reviews)))
    split = divide(corpus, None, eval_fraction=0.25, seed=0, limit=None)
    texts = [example.text for example in (*split.train, *split.evaluation)]
    assert len(texts) == len(set(texts)) == 40
    assert (split.duplicates, split.contradictions) == (20, 2)
