"""Entities equal transformers' pipeline: thousands of texts, three tokenizers, five strategies."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.bundle.base import AggregationStrategy
from app.engine.answers.decoding import stitch_windows
from app.engine.answers.entities import decode_entities
from app.engine.answers.tags import read_tags
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from tests.support.texts import random_texts
from tests.support.tiny import TOKEN_LABELS, make_checkpoint
from tests.support.tokenizers import byte_level_checkpoint, unigram_checkpoint

STRATEGIES: list[AggregationStrategy] = ["none", "simple", "first", "average", "max"]
TAGS = read_tags(TOKEN_LABELS, "BIO")
TEXTS = random_texts(2000, seed=9, longest=12)
FAMILIES = {
    "wordpiece": lambda folder: make_checkpoint(folder, TOKEN_LABELS),
    "byte-level": byte_level_checkpoint,
    "unigram": unigram_checkpoint,
}


@pytest.fixture(scope="module", params=FAMILIES)
def pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import pipeline

    folder = FAMILIES[request.param](tmp_path_factory.mktemp("tiny") / request.param)
    return pipeline("token-classification", model=str(folder), device="cpu")


# transformers says so of every tokenizer that marks no sub-words; we follow what it then does.
@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
def test_entities_equal_the_pipelines_but_for_blanks(
    pipeline: Any, measured: dict[str, str]
) -> None:
    import torch

    folder = Path(pipeline.model.config._name_or_path)
    tokenizer = Tokenizer((folder / "tokenizer.json").read_bytes(), 64, stride_tokens=8)
    name = folder.name
    compared, differences = 0, Counter(word=0, trimmed=0, blank=0)
    for text in TEXTS:
        encoded = tokenizer.encode(TextInput(text), "truncate", 1)
        with torch.inference_mode():
            (part,) = pipeline.preprocess(text, **pipeline._preprocess_params)
            ids = part["input_ids"]
            assert ids[0].tolist() == encoded.windows[0].ids.tolist()
            outputs = dict(pipeline.forward(part))
        # Plain numbers, which its decoding reads several times as fast as tensors of one.
        outputs |= {key: outputs[key].tolist() for key in ("input_ids", "offset_mapping")}
        tokens = stitch_windows(encoded, [outputs["logits"][0].numpy()])
        for strategy in STRATEGIES:
            _, _, options = pipeline._sanitize_parameters(aggregation_strategy=strategy)
            expected = pipeline.postprocess([dict(outputs)], **options)
            found = decode_entities(text, tokens, TAGS, strategy)
            key = "entity" if strategy == "none" else "entity_group"
            ours = [(e.entity_group, e.start, e.end) for e in found]
            theirs = [trim(text, e[key], e["start"], e["end"]) for e in expected]
            kept = [(e, t) for e, t in zip(expected, theirs, strict=True) if t[1] < t[2]]
            assert ours == [t for _, t in kept], (strategy, text)
            for one, (other, _) in zip(found, kept, strict=True):
                assert abs(one.score - float(other["score"])) <= 1e-4
                assert one.word == text[one.start : one.end]
                differences["word"] += one.word != other["word"]
                differences["trimmed"] += (one.start, one.end) != (other["start"], other["end"])
            differences["blank"] += len(expected) - len(kept)
            compared += len(found)
    assert compared > len(TEXTS)
    measured[f"entities of {name}: compared; {', '.join(differences)} differ"] = (
        f"{compared}; {', '.join(map(str, differences.values()))}"
    )


def trim(text: str, group: str, start: int, end: int) -> tuple[str, int, int]:
    """Move a span's ends inwards past blanks, the one difference in offsets that is on purpose."""
    covered = text[start:end]
    start += len(covered) - len(covered.lstrip())
    return group, start, start + len(covered.strip())
