"""Tokenizers trained on the spot: WordPiece, byte-level BPE and Unigram."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

Kind = Literal["WordPiece", "byte-level BPE", "Unigram"]
# More than the rows from which an embedding is stored as int8.
TERMS = 512
ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A kind of tokenizer with its special tokens.

    Attributes:
        special: padding, unknown, start, end and mask token.
        order: their roles in the order of their ids.
        pairs_doubled: a pair is parted by two end tokens and has no types, as in RoBERTa.
    """

    kind: Kind
    special: tuple[str, str, str, str, str]
    order: tuple[str, ...] = ROLES
    pairs_doubled: bool = False

    @property
    def roles(self) -> dict[str, str]:
        return dict(zip(ROLES, self.special, strict=True))


# fairseq's order of ids, in which padding is 1.
_FAIRSEQ = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
_BRACKETS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ANGLES = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
BERT = Vocabulary("WordPiece", _BRACKETS)
MPNET = Vocabulary("WordPiece", ("<pad>", "[UNK]", "<s>", "</s>", "<mask>"), _FAIRSEQ, True)
ROBERTA = Vocabulary("byte-level BPE", _ANGLES, _FAIRSEQ, True)
SENTENCEPIECE = Vocabulary("Unigram", _ANGLES, _FAIRSEQ, True)
MODERNBERT = Vocabulary("byte-level BPE", _BRACKETS)


def train_tokenizer(vocabulary: Vocabulary, texts: Iterable[str]) -> Tokenizer:
    """Train a small tokenizer of this kind and let it frame texts and pairs as the family does."""
    tokenizer, trainer = _untrained(vocabulary)
    tokenizer.train_from_iterator(texts, trainer)
    start, end = vocabulary.roles["cls_token"], vocabulary.roles["sep_token"]
    parted = f"{start} $A {end} {end} $B {end}"
    typed = f"{start} $A {end} $B:1 {end}:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=parted if vocabulary.pairs_doubled else typed,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (start, end)],
    )
    return tokenizer


def _untrained(vocabulary: Vocabulary) -> tuple[Tokenizer, Any]:
    roles = vocabulary.roles
    unknown = roles["unk_token"]
    shared = {
        "vocab_size": TERMS,
        "special_tokens": [roles[role] for role in vocabulary.order],
        "show_progress": False,
    }
    if vocabulary.kind == "WordPiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return tokenizer, trainers.WordPieceTrainer(**shared)
    if vocabulary.kind == "byte-level BPE":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        return tokenizer, trainers.BpeTrainer(initial_alphabet=alphabet, **shared)
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer, trainers.UnigramTrainer(unk_token=unknown, **shared)
