"""The encoder rebuilt from a 4-bit file, on a tiny file that is written here."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from demo.chinese import multilingual
from demo.chinese.e5_4bit import BLOCK, FourBitFile
from demo.chinese.pieces import cut_at_borders, keep, prune, seen
from offline.readers.examples import Span, TaggedExample

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS, TYPES = 32, 2, 2, 64, 24, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "北", "京", "北京", "大", "学", "大学", "▁在", "在"]
PIECES += ["h", "e", "l", "o", "▁hello", "hell", "。", "京大学", "<mask>"]
TEXTS = ["北京大学在北京。", "在大学 hello"]


def document() -> dict[str, Any]:
    """Return a Unigram tokenizer in the manner of XLM-R, longer pieces the likelier ones."""
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    around = [{"SpecialToken": {"id": i, "type_id": 0}} for i in ("<s>", "</s>")]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": PIECES.index(t), "content": t, "special": True} | special
            for t in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
        ],
        "normalizer": {"type": "NFKC"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [around[0], {"Sequence": {"id": "A", "type_id": 0}}, around[1]],
            "pair": [{"Sequence": {"id": x, "type_id": 0}} for x in "AB"],
            "special_tokens": {
                t: {"id": t, "ids": [PIECES.index(t)], "tokens": [t]} for t in ("<s>", "</s>")
            },
        },
        "decoder": None,
        "model": {
            "type": "Unigram",
            "unk_id": 3,
            "vocab": [[p, -9.0 + 0.1 * len(p) ** 2 - 0.01 * i] for i, p in enumerate(PIECES)],
        },
    }


class Writer:
    """Writes a file of the format, and remembers the numbers it stands for."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.heads, self.body = b"", b""
        self.numbers: dict[str, np.ndarray] = {}

    def floats(self, name: str, *shape: int) -> None:
        values = self.random.normal(size=shape).astype(np.float32)
        self._add(name, 0, values, values.tobytes())

    def fours(self, name: str, *shape: int) -> None:
        halves = self.random.integers(0, 16, (np.prod(shape) // BLOCK, BLOCK), np.uint8)
        scales = self.random.uniform(0.01, 0.1, (len(halves), 1)).astype(np.float16)
        packed = halves[:, : BLOCK // 2] | halves[:, BLOCK // 2 :] << 4
        raw = np.concatenate([scales.view(np.uint8), packed], axis=1).tobytes()
        self._add(name, 1, (halves.astype(np.float32) - 8) * scales.astype(np.float32), raw)

    def _add(self, name: str, kind: int, values: np.ndarray, raw: bytes) -> None:
        self.numbers[name] = values
        self.heads += struct.pack("<H", len(name)) + name.encode()
        self.heads += struct.pack("<BIQQ", kind, values.size, len(self.body), len(raw))
        self.body += raw

    def write(self, path: Path) -> None:
        sizes = (HIDDEN, LAYERS, HEADS, WIDE, len(PIECES), POSITIONS, TYPES)
        start = b"E5S1" + struct.pack("<i", 1) + struct.pack("<7ifi", *sizes, 1e-12, 2)
        start += struct.pack("<5iQ", 1, 0, 2, 1, 3, 5) + bytes(2 * 4 + 4 + 5)
        start += struct.pack("<iI", 0, 3) + bytes(3) + struct.pack("<i", len(self.numbers))
        after = len(start) + len(self.heads)
        path.write_bytes(start + self._moved(after) + self.body)

    def _moved(self, by: int) -> bytes:
        """Return the heads with offsets that count from the start of the file."""
        moved, at = b"", 0
        for name in self.numbers:
            end = at + 2 + len(name.encode())
            kind, count, offset, size = struct.unpack_from("<BIQQ", self.heads, end)
            moved += self.heads[at:end] + struct.pack("<BIQQ", kind, count, offset + by, size)
            at = end + 21
        return moved


@pytest.fixture(scope="module")
def writer() -> Writer:
    made = Writer()
    made.fours("emb.word", len(PIECES), HIDDEN)
    made.floats("emb.pos", POSITIONS, HIDDEN)
    made.floats("emb.type", TYPES, HIDDEN)
    made.floats("emb.ln.w", HIDDEN)
    made.floats("emb.ln.b", HIDDEN)
    for layer in range(LAYERS):
        for part, (rows, columns) in {
            "q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN),
            "ao": (HIDDEN, HIDDEN), "fi": (WIDE, HIDDEN), "fo": (HIDDEN, WIDE),
        }.items():  # fmt: skip
            made.fours(f"l{layer}.{part}.w", rows, columns)
            made.floats(f"l{layer}.{part}.b", rows)
        for part in ("aln", "oln"):
            made.floats(f"l{layer}.{part}.w", HIDDEN)
            made.floats(f"l{layer}.{part}.b", HIDDEN)
    return made


@pytest.fixture(scope="module")
def weights(writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.bin"
    writer.write(path)
    return path


def test_the_numbers_of_the_file_are_unpacked(weights, writer):
    file = FourBitFile(weights)
    expected = writer.numbers["emb.word"].reshape(len(PIECES), HIDDEN)
    np.testing.assert_array_equal(file.tensor("emb.word", len(PIECES), HIDDEN), expected)
    np.testing.assert_array_equal(
        file.rows("emb.word", [7, 4], len(PIECES), HIDDEN), expected[[7, 4]]
    )
    np.testing.assert_array_equal(file.tensor("l1.fi.b", WIDE), writer.numbers["l1.fi.b"])


def hidden_states(folder: Path, text: str) -> tuple[list[str], torch.Tensor]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(text, return_tensors="pt")
    assert set(encoded) == {"input_ids", "attention_mask"}
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    with torch.inference_mode():
        states = model(**encoded).last_hidden_state
    return tokenizer.convert_ids_to_tokens(encoded["input_ids"][0].tolist()), states


def test_a_text_whose_pieces_are_kept_gets_the_same_hidden_states(weights, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    multilingual.write_model(FourBitFile(weights), list(range(len(PIECES))), whole)
    multilingual.write_tokenizer(document(), whole)
    multilingual.rebuild(weights, document(), TEXTS, cut)
    assert json.loads((cut / "config.json").read_text())["vocab_size"] < len(PIECES)
    for text in TEXTS:
        (pieces, states), (same, equal) = hidden_states(whole, text), hidden_states(cut, text)
        assert pieces == same
        torch.testing.assert_close(equal, states, rtol=0, atol=1e-6)


def test_the_layers_are_as_many_as_asked_for(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(multilingual, "LAYERS", 1)
    multilingual.rebuild(weights, document(), TEXTS, tmp_path / "cut")
    assert AutoModel.from_pretrained(tmp_path / "cut").config.num_hidden_layers == 1


def test_prepared_for_texts_the_first_token_begins_with_the_mean_of_all(weights, tmp_path):
    base, prepared = tmp_path / "base", tmp_path / "prepared"
    multilingual.rebuild(weights, document(), TEXTS, base)
    multilingual.attend_to_all_tokens(base, prepared)
    model = AutoModel.from_pretrained(prepared, attn_implementation="eager")
    ids = AutoTokenizer.from_pretrained(prepared)(TEXTS[0], return_tensors="pt")
    with torch.inference_mode():
        attention = model(**ids, output_attentions=True).attentions
    alike = torch.full_like(attention[-1], 1 / ids["input_ids"].shape[1])
    torch.testing.assert_close(attention[-1], alike)
    assert (attention[0] - alike).abs().max() > 0.01


def test_pieces_of_the_texts_single_characters_and_special_ones_are_kept():
    kept = [PIECES[i] for i in keep(document(), seen(document(), TEXTS))]
    assert {"大学", "▁hello"} <= set(kept)
    assert {"<s>", "<mask>", "▁", "h", "。"} <= set(kept)
    assert "hell" not in kept


def test_a_word_whose_pieces_were_dropped_is_split_finer_and_not_unknown():
    cut = prune(document(), keep(document(), seen(document(), ["北京"])))
    assert pieces(cut, "hello") == ["▁", *"hello"]


def pieces(tokenizer: dict[str, Any], text: str) -> list[str]:
    return Tokenizer.from_str(json.dumps(tokenizer)).encode(text, add_special_tokens=False).tokens


def test_a_piece_that_reaches_over_the_end_of_an_entity_is_not_chosen_any_more():
    text = "在北京大学"
    assert pieces(document(), text) == ["▁在", "北", "京大学"]
    known = [TaggedExample(text, (Span(1, 3, "LOC"),)), TaggedExample("大学", ())]
    cut = cut_at_borders(document(), known)
    assert pieces(cut, text) == ["▁在", "北京", "大学"]
    assert len(cut["model"]["vocab"]) == len(PIECES), "every piece keeps its id"


def test_a_blank_before_an_entity_does_not_make_its_piece_one_that_reaches_over():
    known = [TaggedExample("大学 hello", (Span(3, 8, "PER"),))]
    assert cut_at_borders(document(), known) == document()


def test_prepared_for_entities_only_the_tokenizer_differs(weights, tmp_path):
    base, prepared = tmp_path / "base", tmp_path / "prepared"
    multilingual.rebuild(weights, document(), TEXTS, base)
    known = [TaggedExample("大学", (Span(0, 1, "LOC"),))]
    multilingual.split_at_entities(base, known, prepared)
    same = (base / "model.safetensors").read_bytes()
    assert (prepared / "model.safetensors").read_bytes() == same
    assert "大学" in AutoTokenizer.from_pretrained(base).tokenize("大学")
    assert "大学" not in AutoTokenizer.from_pretrained(prepared).tokenize("大学")
