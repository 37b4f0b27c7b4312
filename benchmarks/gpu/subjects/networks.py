"""The measured networks by their sizes; weights are random, because only speed matters."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from export.checkpoint.load import Checkpoint, load_checkpoint
from tests.support.checkpoints import make_checkpoint
from tests.support.families import Family
from tests.support.vocabularies import BERT

VOCABULARY = 30_522
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Network:
    """The sizes of an encoder.

    Attributes:
        name: also the name of its bundle.
        family: transformers' `model_type`.
    """

    name: str
    title: str
    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    vocabulary: int = VOCABULARY

    def flops(self, tokens: int) -> float:
        """Return the operations of one text: matrix products and attention, without the head."""
        layer = 8 * self.hidden**2 + 4 * self.hidden * self.intermediate + 4 * tokens * self.hidden
        return float(self.layers * tokens * layer)

    def as_family(self) -> Family:
        """Return the family that makes a random checkpoint of these sizes."""
        distilled = self.family == "distilbert"
        tokenizer = "DistilBertTokenizerFast" if distilled else "BertTokenizerFast"
        sizes = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "hidden_dim" if distilled else "intermediate_size": self.intermediate,
            "num_attention_heads": self.heads,
            "max_position_embeddings": MAX_TOKENS,
            "vocab_size": self.vocabulary,
        }
        return Family(self.family, tokenizer, BERT, sizes)


NETWORKS = (
    Network("bert-base", "BERT-base", "bert", 12, 768, 3072, 12),
    Network("bert-large", "BERT-large", "bert", 24, 1024, 4096, 16),
    Network("distilbert", "DistilBERT", "distilbert", 6, 768, 3072, 12),
    Network("minilm-l6", "MiniLM-L6", "bert", 6, 384, 1536, 12),
)
# For trying the program on a machine without a GPU.
TINY = (
    Network("tiny-bert", "tiny BERT", "bert", 2, 64, 128, 4, 2048),
    Network("tiny-distilbert", "tiny DistilBERT", "distilbert", 2, 64, 128, 4, 2048),
)


def choose_networks(names: Iterable[str], *, tiny: bool) -> tuple[Network, ...]:
    """Return the named networks; without names, all full-sized or all tiny ones.

    Raises:
        BenchmarkError: a name is unknown.
    """
    known = {one.name: one for one in (*NETWORKS, *TINY)}
    wanted = list(names)
    if unknown := [name for name in wanted if name not in known]:
        raise BenchmarkError(f"no model {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(known[name] for name in wanted) or (TINY if tiny else NETWORKS)


def open_checkpoint(network: Network, build: Path) -> Checkpoint:
    """Return the network's random checkpoint; make it under `build` if it is missing.

    The weights are spread, so that answers vary from text to text. The weights of a new BERT would
    make all labels near ties, and a comparison of labels would mean nothing.
    """
    folder = build / "checkpoints" / network.name
    if not (folder / "config.json").exists():
        make_checkpoint(network.as_family(), "sequence-classification", folder)
    return load_checkpoint(folder)
