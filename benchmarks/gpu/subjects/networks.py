"""The measured networks by their sizes; weights are random, because only speed matters."""

from dataclasses import dataclass

from tests.support.families import Family
from tests.support.vocabularies import BERT

MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Network:
    """The sizes of a BERT."""

    title: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    vocabulary: int = 30_522

    def flops(self, tokens: int) -> float:
        """Return the operations of one text: matrix products and attention, without the head."""
        layer = 8 * self.hidden**2 + 4 * self.hidden * self.intermediate + 4 * tokens * self.hidden
        return float(self.layers * tokens * layer)

    def as_family(self) -> Family:
        """Return the family that makes a random checkpoint of these sizes."""
        sizes = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_attention_heads": self.heads,
            "max_position_embeddings": MAX_TOKENS,
            "vocab_size": self.vocabulary,
        }
        return Family("bert", "BertTokenizerFast", BERT, sizes)


NETWORKS = {
    "bert-base": Network("BERT-base", 12, 768, 3072, 12),
    "minilm-l6": Network("MiniLM-L6", 6, 384, 1536, 12),
    # Its heads have 32 values, which flash attention has a kernel for.
    "tiny-bert": Network("tiny BERT", 2, 64, 128, 2, 2048),
    "tiny-int8": Network("tiny BERT", 2, 64, 128, 2, 2048),
}
