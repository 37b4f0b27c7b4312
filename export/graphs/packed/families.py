"""Map each family's weights, in transformers' names, to their roles in an encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from export.graphs.packed.weights import Gelu


@dataclass(frozen=True, slots=True)
class LayerLayout:
    """Modules of one layer, as paths below it."""

    query: str
    key: str
    value: str
    attention: str
    attention_norm: str
    inner: str
    outer: str
    norm: str


@dataclass(frozen=True, slots=True)
class FamilyLayout:
    """The modules and settings of one family.

    Attributes:
        layers: path of the list of layers, below the encoder.
        activation: the setting that names the layers' activation.
        pooler: path of the layer that a text classifier applies to the first token, in the whole
            model.
        pooler_activation: the operator that follows it.
        classifier: path of a text classifier's last layer.
        projection: path below the encoder of the layer that widens the embeddings, if the family
            has one.
        grouped: path below a group of layers, if the list of layers holds groups.
        counts_from_padding: positions begin after the padding id, as in RoBERTa.
    """

    layer: LayerLayout
    layers: str
    pooler: str
    pooler_activation: str
    classifier: str = "classifier"
    activation: str = "hidden_act"
    projection: str = ""
    grouped: str = ""
    counts_from_padding: bool = False


_BERT_LAYER = LayerLayout(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    inner="intermediate.dense",
    outer="output.dense",
    norm="output.LayerNorm",
)
_DISTILBERT_LAYER = LayerLayout(
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention="attention.out_lin",
    attention_norm="sa_layer_norm",
    inner="ffn.lin1",
    outer="ffn.lin2",
    norm="output_layer_norm",
)
_ALBERT_LAYER = LayerLayout(
    query="attention.query",
    key="attention.key",
    value="attention.value",
    attention="attention.dense",
    attention_norm="attention.LayerNorm",
    inner="ffn",
    outer="ffn_output",
    norm="full_layer_layer_norm",
)
_ROBERTA = FamilyLayout(
    _BERT_LAYER,
    "encoder.layer",
    pooler="classifier.dense",
    pooler_activation="Tanh",
    classifier="classifier.out_proj",
    counts_from_padding=True,
)
LAYOUTS: Mapping[str, FamilyLayout] = MappingProxyType(
    {
        "bert": FamilyLayout(_BERT_LAYER, "encoder.layer", "bert.pooler.dense", "Tanh"),
        "distilbert": FamilyLayout(
            _DISTILBERT_LAYER,
            "transformer.layer",
            "pre_classifier",
            "Relu",
            activation="activation",
        ),
        "roberta": _ROBERTA,
        "xlm-roberta": _ROBERTA,
        "camembert": _ROBERTA,
        "electra": FamilyLayout(
            _BERT_LAYER,
            "encoder.layer",
            pooler="classifier.dense",
            pooler_activation="BiasGelu",
            classifier="classifier.out_proj",
            projection="embeddings_project",
        ),
        "albert": FamilyLayout(
            _ALBERT_LAYER,
            "encoder.albert_layer_groups",
            pooler="albert.pooler",
            pooler_activation="Tanh",
            projection="encoder.embedding_hidden_mapping_in",
            grouped="albert_layers",
        ),
    }
)
GELUS: Mapping[str, Gelu] = MappingProxyType(
    {"gelu": "BiasGelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu"}
)
