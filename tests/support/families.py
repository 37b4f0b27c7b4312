"""The encoder families that are tested, each as small as its structure allows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.support.vocabularies import BERT, MODERNBERT, MPNET, ROBERTA, SENTENCEPIECE, Vocabulary

WIDTH = 64
LAYERS = 3
HEADS = 4
# The most tokens that each family reads. Texts reach it, so a position too many is noticed.
TOKENS = 96


@dataclass(frozen=True, slots=True)
class Family:
    """An encoder architecture with its own kind of tokenizer.

    Attributes:
        name: transformers' `model_type`.
        tokenizer: name of transformers' fast tokenizer class.
        settings: what its config says besides the common sizes.
    """

    name: str
    tokenizer: str
    vocabulary: Vocabulary
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, Any]:
        common = {
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "max_position_embeddings": TOKENS,
        }
        return common | dict(self.settings)


# RoBERTa and its relatives count positions from the padding id + 1, so two are never used.
_SHIFTED = MappingProxyType({"max_position_embeddings": TOKENS + 2, "type_vocab_size": 1})
_ALBERT = Vocabulary("Unigram", ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"))
_DEBERTA = Vocabulary("Unigram", ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))
# As in DeBERTa v3: positions are relative only, and far ones share logarithmic buckets.
_RELATIVE = MappingProxyType(
    {
        "relative_attention": True,
        "position_buckets": 16,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "type_vocab_size": 0,
    }
)
_FACTORED = MappingProxyType({"embedding_size": WIDTH // 2})
_DISTILLED = MappingProxyType({"hidden_dim": 2 * WIDTH})
# As in the published ModernBERT: the mean of all tokens is classified.
_LOCAL = MappingProxyType(
    {"local_attention": 32, "classifier_pooling": "mean", "reference_compile": False}
)

FAMILIES: tuple[Family, ...] = (
    Family("bert", "BertTokenizerFast", BERT),
    Family("distilbert", "DistilBertTokenizerFast", BERT, _DISTILLED),
    Family("roberta", "RobertaTokenizerFast", ROBERTA, _SHIFTED),
    Family("xlm-roberta", "XLMRobertaTokenizerFast", SENTENCEPIECE, _SHIFTED),
    Family("camembert", "CamembertTokenizerFast", SENTENCEPIECE, _SHIFTED),
    Family("albert", "AlbertTokenizerFast", _ALBERT, _FACTORED),
    Family("electra", "ElectraTokenizerFast", BERT, _FACTORED),
    Family("mpnet", "MPNetTokenizerFast", MPNET, {"max_position_embeddings": TOKENS + 2}),
    Family("deberta-v2", "DebertaV2TokenizerFast", _DEBERTA, _RELATIVE),
    Family("modernbert", "PreTrainedTokenizerFast", MODERNBERT, _LOCAL),
)


def choose_families(names: Iterable[str]) -> tuple[Family, ...]:
    """Return the named families in the table's order, or all of them where none is named.

    Raises:
        ValueError: a name is unknown.
    """
    wanted = set(names)
    known = {family.name for family in FAMILIES}
    if unknown := sorted(wanted - known):
        raise ValueError(
            f"no family {', '.join(unknown)} here; there are {', '.join(sorted(known))}"
        )
    return tuple(family for family in FAMILIES if not wanted or family.name in wanted)
