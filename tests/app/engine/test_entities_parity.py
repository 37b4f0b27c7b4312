"""Entities equal transformers' pipeline: thousands of texts, three tokenizers, five strategies."""

from pathlib import Path
from typing import Any

import pytest

from app.bundle import AggregationStrategy
from app.engine.decoding import stitch_windows
from app.engine.entities import decode_entities
from app.engine.tokenization import TextInput, Tokenizer
from tests.support.texts import random_texts
from tests.support.tiny import TOKEN_LABELS, make_checkpoint
from tests.support.tokenizers import byte_level_checkpoint, unigram_checkpoint

STRATEGIES: list[AggregationStrategy] = ["none", "simple", "first", "average", "max"]
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
def test_entities_equal_the_pipelines_on_every_text(pipeline: Any) -> None:
    import torch

    folder = Path(pipeline.model.config._name_or_path)
    tokenizer = Tokenizer((folder / "tokenizer.json").read_bytes(), 64, stride_tokens=8)
    compared = 0
    for text in TEXTS:
        encoded = tokenizer.encode(TextInput(text), "truncate", 1)
        with torch.inference_mode():
            (part,) = pipeline.preprocess(text, **pipeline._preprocess_params)
            ids = part["input_ids"]
            assert ids[0].tolist() == encoded.windows[0].ids.tolist()
            outputs = pipeline.forward(part)
        tokens = stitch_windows(encoded, [outputs["logits"][0].numpy()])
        for strategy in STRATEGIES:
            _, _, options = pipeline._sanitize_parameters(aggregation_strategy=strategy)
            expected = pipeline.postprocess([dict(outputs)], **options)
            found = decode_entities(text, tokens, TOKEN_LABELS, strategy)
            key = "entity" if strategy == "none" else "entity_group"
            ours = [(e.entity_group, e.start, e.end) for e in found]
            assert ours == [(e[key], e["start"], e["end"]) for e in expected], (strategy, text)
            for one, other in zip(found, expected, strict=True):
                assert one.score == pytest.approx(float(other["score"]), abs=1e-4)
            compared += len(found)
    assert compared > len(TEXTS)
