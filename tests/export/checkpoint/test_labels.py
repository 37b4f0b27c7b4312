"""Labels are read as transformers' pipeline reads them, or refused where nothing reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.bundle.base import AggregationStrategy, TagScheme
from app.engine.answers.decoding import TokenLogits
from app.engine.answers.entities import decode_entities
from app.engine.answers.tags import groups, read_tags
from export.checkpoint.labels import read_tag_scheme
from export.checkpoint.load import CheckpointOptions, load_checkpoint
from export.errors import CheckpointRefused
from tests.support.texts import random_texts

STRATEGIES: list[AggregationStrategy] = ["none", "simple", "first", "average", "max"]
TEXTS = random_texts(20, seed=2, longest=12)
# Read exactly as the pipeline reads them.
LIKE_THE_PIPELINE: dict[str, tuple[str, ...]] = {
    "BIO": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    "BIO without O": ("B-PER", "I-PER", "B-LOC", "I-LOC"),
    "BIO without a middle": ("O", "B-PER", "B-LOC"),
    "I- alone": ("O", "I-PER", "I-LOC"),
    "special tokens beside BIO": ("O", "B-PER", "I-PER", "[CLS]", "[SEP]", "<PAD>", "X"),
    "a bare group beside BIO": ("O", "B-PER", "I-PER", "DATE"),
    "a bare group with a dash beside BIO": ("O", "B-PER", "I-PER", "E-MAIL", "FIRST-NAME"),
    "bare groups": ("O", "PER", "LOC"),
    "bare groups without O": ("PER", "LOC"),
    "bare groups, some with a dash": ("O", "E-MAIL", "PHONE", "S-BAHN"),
    "bare groups of one name": ("O", "FIRST-NAME", "LAST-NAME"),
    "bare groups in lower case": ("O", "b-tree", "e-mail"),
    "markers without groups": ("O", "B", "I"),
    "groups with dashes": ("O", "B-FIRST-NAME", "I-FIRST-NAME", "B-NAME", "I-NAME"),
}


@pytest.fixture(scope="module")
def pipeline(ner: Path) -> Any:
    from transformers import pipeline

    return pipeline("token-classification", model=str(ner), device="cpu")


@pytest.mark.parametrize("case", LIKE_THE_PIPELINE)
def test_entities_of_a_label_set_are_the_pipelines(pipeline: Any, case: str) -> None:
    labels = LIKE_THE_PIPELINE[case]
    tags = read_tags(labels, read_tag_scheme(Path("c"), labels))
    pipeline.model.config.id2label = dict(enumerate(labels))
    lot = np.random.default_rng(len(labels))
    compared = 0
    for text in TEXTS:
        (part,) = pipeline.preprocess(text, **pipeline._preprocess_params)
        length = part["input_ids"].shape[1]
        # Few different rows, so that neighbours often share a tag.
        rows = lot.normal(scale=3.0, size=(4, len(labels)))[lot.integers(4, size=length)]
        logits = rows.astype(np.float32)
        outputs = dict(part) | {"logits": torch.tensor(logits)[None]}
        tokens = content(outputs, logits, pipeline.tokenizer)
        for strategy in STRATEGIES:
            _, _, options = pipeline._sanitize_parameters(aggregation_strategy=strategy)
            expected = pipeline.postprocess([dict(outputs)], **options)
            key = "entity" if strategy == "none" else "entity_group"
            theirs = [(one[key], one["start"], one["end"]) for one in expected]
            found = decode_entities(text, tokens, tags, strategy)
            assert [(one.entity_group, one.start, one.end) for one in found] == theirs
            compared += len(found)
    assert compared > len(TEXTS)


def content(outputs: dict[str, Any], logits: Any, tokenizer: Any) -> TokenLogits:
    """Return the rows of tokens that are no special ones, as the service has them."""
    kept = [i for i, special in enumerate(outputs["special_tokens_mask"][0]) if not special]
    offsets = [tuple(outputs["offset_mapping"][0][i].tolist()) for i in kept]
    pieces = tokenizer.convert_ids_to_tokens(outputs["input_ids"][0])
    unknown = tokenizer.unk_token
    subwords = [
        pieces[i] != unknown and len(pieces[i]) != end - start
        for i, (start, end) in zip(kept, offsets, strict=True)
    ]
    return TokenLogits(logits[kept], offsets, subwords)


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (("O", "B-X", "I-X"), "BIO"),
        (("O", "PER", "LOC"), "IO"),
        (("O", "B-X", "I-X", "E-X", "S-X"), "BIOES"),
        (("O", "B-X", "I-X", "E-X", "S-X", "[CLS]", "S-Y"), "BIOES"),
        (("O", "B-X", "I-X", "L-X", "U-X"), "BILOU"),
        (("O", "B-X", "M-X", "E-X", "S-X"), "BMES"),
        (("B-X", "M-X", "E-X", "S-X", "<PAD>"), "BMES"),
        (("O", "B-X", "M-X", "E-X", "W-X"), "BMES"),
        (("O", "B-X", "I-X", "E-MAIL"), "BIO"),
    ],
)
def test_the_scheme_is_read_from_groups_that_have_several_markers(
    labels: tuple[str, ...], scheme: TagScheme
) -> None:
    assert read_tag_scheme(Path("c"), labels) == scheme


def test_bmes_entities_are_whole_and_end_where_their_tags_say() -> None:
    labels = ("O", "B-P", "M-P", "E-P", "S-P", "X")
    tags = read_tags(labels, read_tag_scheme(Path("c"), labels))
    assert groups(tags) == ["P", "X"]
    text = "abcdefgh"
    wanted = ["B-P", "M-P", "E-P", "S-P", "S-P", "O", "B-P", "E-P"]
    logits = 9.0 * np.eye(len(labels), dtype=np.float32)[[labels.index(tag) for tag in wanted]]
    tokens = TokenLogits(logits, [(i, i + 1) for i in range(8)], [False] * 8)
    found = decode_entities(text, tokens, tags, "simple")
    assert [(one.start, one.end) for one in found] == [(0, 3), (3, 4), (4, 5), (6, 8)]


def test_given_names_replace_those_of_the_config_in_id_order(sentiment: Path, ner: Path) -> None:
    named = load_checkpoint(sentiment, CheckpointOptions(labels=("bad", "good")))
    assert named.config.labels == ("bad", "good")
    tags = ("O", "B-ORG", "I-ORG", "B-GPE", "I-GPE")
    assert load_checkpoint(ner, CheckpointOptions(labels=tags)).config.tag_scheme == "BIO"


def test_another_number_of_names_is_refused_with_both_numbers(sentiment: Path) -> None:
    options = CheckpointOptions(labels=("a", "b", "c"))
    with pytest.raises(CheckpointRefused, match="--labels has 3 names and the checkpoint 2 labels"):
        load_checkpoint(sentiment, options)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (("O", "S-PER", "B-PER", "L-PER"), "no tag scheme"),
        (("O", "b-per", "i-per"), "b-per, i-per follow no tag scheme; rename the labels"),
        (("O", "PER-B", "PER-I"), "no tag scheme"),
        (("O", "B_PER", "I_PER"), "no tag scheme"),
        (("O", "b-per", "I-per"), "no tag scheme"),
        (("O", "PER_B", "PER_M", "PER_E"), "no tag scheme"),
        (("O", "B-PER", "I-PER", "b-loc", "i-loc"), "no tag scheme"),
        (("O", "LABEL_1"), "no names.*give --labels"),
    ],
)
def test_labels_that_only_look_like_a_scheme_are_refused(
    labels: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CheckpointRefused, match=reason):
        read_tag_scheme(Path("c"), labels)
