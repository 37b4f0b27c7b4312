"""Train tiny tokenizers on the spot: WordPiece, byte-level BPE and Unigram."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

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
# Enough rows for an embedding to be stored as int8.
TERMS = 512
ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A kind of tokenizer with its special tokens.

    Attributes:
        special: padding, unknown, start, end and mask token.
        order: their roles in the order of their ids.
        pairs_doubled: two end tokens separate a pair, which has no types, as in RoBERTa.
    """

    kind: Kind
    special: tuple[str, str, str, str, str]
    order: tuple[str, ...] = ROLES
    pairs_doubled: bool = False

    @property
    def roles(self) -> dict[str, str]:
        return dict(zip(ROLES, self.special, strict=True))

    @property
    def ordered(self) -> tuple[str, ...]:
        """The special tokens in the order of their ids."""
        return tuple(self.roles[role] for role in self.order)


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
    """Train a small tokenizer of this kind; it frames texts and pairs as the family does."""
    make = {"WordPiece": _wordpiece, "byte-level BPE": _byte_level, "Unigram": _unigram}
    tokenizer = make[vocabulary.kind](vocabulary, list(texts))
    start, end = vocabulary.roles["cls_token"], vocabulary.roles["sep_token"]
    parted = f"{start} $A {end} {end} $B {end}"
    typed = f"{start} $A {end} $B:1 {end}:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=parted if vocabulary.pairs_doubled else typed,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (start, end)],
    )
    return tokenizer


def _wordpiece(vocabulary: Vocabulary, texts: Sequence[str]) -> Tokenizer:
    """Let every learned piece begin a word or continue one."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=vocabulary.roles["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learned = _learn(tokenizer, texts, (TERMS - len(ROLES)) // 2)
    pieces = [*vocabulary.ordered, *learned, *(f"##{piece}" for piece in learned)]
    ids = {piece: number for number, piece in enumerate(pieces)}
    tokenizer.model = models.WordPiece(ids, unk_token=vocabulary.roles["unk_token"])
    tokenizer.decoder = decoders.WordPiece()
    return _with_special(tokenizer, vocabulary)


def _byte_level(vocabulary: Vocabulary, texts: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TERMS,
        special_tokens=list(vocabulary.ordered),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _unigram(vocabulary: Vocabulary, texts: Sequence[str]) -> Tokenizer:
    """Give learned pieces a probability that falls with their rank, longer ones first."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    learned = _learn(tokenizer, texts, TERMS // 2)
    ranked = sorted(learned, key=len, reverse=True)
    scores = [(piece, -math.log(rank + 2.0)) for rank, piece in enumerate(ranked)]
    special = [(token, 0.0) for token in vocabulary.ordered]
    unknown = vocabulary.ordered.index(vocabulary.roles["unk_token"])
    tokenizer.model = models.Unigram([*special, *scores], unknown, False)
    return _with_special(tokenizer, vocabulary)


def _learn(tokenizer: Tokenizer, texts: Sequence[str], count: int) -> list[str]:
    """Return pieces by pair merging, the same every time.

    The trainers of WordPiece and Unigram go through hash maps, whose order changes from run to run.
    """
    learner = Tokenizer(models.BPE())
    learner.normalizer, learner.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=count, show_progress=False))
    return sorted(learner.get_vocab(), key=lambda piece: learner.token_to_id(piece))


def _with_special(tokenizer: Tokenizer, vocabulary: Vocabulary) -> Tokenizer:
    tokenizer.add_special_tokens(list(vocabulary.ordered))
    return tokenizer
