"""Read a checkpoint's weights by their role, or say why no packed graph can be built."""

from typing import Any

from torch import nn

from export.checkpoint.load import Checkpoint
from export.graphs import files
from export.graphs.packed.families import GELUS, LAYOUTS, FamilyLayout, LayerLayout
from export.graphs.packed.weights import (
    Embeddings,
    Encoder,
    Layer,
    Linear,
    join_qkv,
    read_linear,
    read_norm,
    read_table,
)

FP16_BYTES = 2


def unsupported_reason(checkpoint: Checkpoint) -> str | None:
    """Return why no packed graph can be built from the checkpoint, or None if one can."""
    family, config = checkpoint.config.family, checkpoint.model.config
    if family not in LAYOUTS:
        return f"no packed graph for {family}, only for {', '.join(sorted(LAYOUTS))}"
    activation = getattr(config, LAYOUTS[family].activation)
    if activation not in GELUS:
        return f"no packed graph with the activation {activation!r}, only with {', '.join(GELUS)}"
    positions = getattr(config, "position_embedding_type", "absolute")
    if positions != "absolute":
        return f"no packed graph with {positions} positions, only with absolute ones"
    if getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False):
        return "no packed graph of a decoder: its tokens do not see those that follow"
    if getattr(config, "pruned_heads", None):
        return "no packed graph of layers with pruned heads, only of layers of one width"
    if checkpoint.parameters * FP16_BYTES > files.MOST_INLINE_BYTES:
        millions = f"{checkpoint.parameters / 1e6:.0f} M"
        return f"no packed graph of {millions} parameters: it must fit into one file of 2 GB"
    return None


def read_encoder(checkpoint: Checkpoint) -> Encoder:
    """Return the weights of a checkpoint that `unsupported_reason` accepts."""
    model, config = checkpoint.model, checkpoint.model.config
    encoder: Any = model.base_model
    layout = LAYOUTS[checkpoint.config.family]
    classifier, pooler = "classifier", None
    if checkpoint.config.task == "sequence-classification":
        module = model.get_submodule(layout.pooler)
        pooler = (read_linear("pooler", module), layout.pooler_activation)
        classifier = layout.classifier
    return Encoder(
        embeddings=_read_embeddings(encoder, layout),
        layers=_read_layers(encoder, layout),
        heads=config.num_attention_heads,
        gelu=GELUS[getattr(config, layout.activation)],
        pooler=pooler,
        classifier=read_linear("classifier", model.get_submodule(classifier)),
    )


def _read_embeddings(encoder: nn.Module, layout: FamilyLayout) -> Embeddings:
    """Read the tables; a single row of token types is added to every position."""
    embeddings = encoder.get_submodule("embeddings")
    table = embeddings.get_submodule("position_embeddings")
    positions, types = read_table(table), None
    if layout.counts_from_padding:
        assert isinstance(table.padding_idx, int)
        positions = positions[table.padding_idx + 1 :]
    if hasattr(embeddings, "token_type_embeddings"):
        types = read_table(embeddings.get_submodule("token_type_embeddings"))
        if len(types) == 1:
            positions, types = positions + types, None
    return Embeddings(
        words=read_table(embeddings.get_submodule("word_embeddings")),
        positions=positions,
        types=types,
        norm=read_norm("embeddings.norm", embeddings.get_submodule("LayerNorm")),
        projection=_read_projection(encoder, layout),
    )


def _read_projection(encoder: nn.Module, layout: FamilyLayout) -> Linear | None:
    found = dict(encoder.named_modules()).get(layout.projection) if layout.projection else None
    return None if found is None else read_linear("embeddings.projection", found)


def _read_layers(encoder: Any, layout: FamilyLayout) -> tuple[Layer, ...]:
    """Read each layer once, and return them in the order they run."""
    heads, count = encoder.config.num_attention_heads, encoder.config.num_hidden_layers
    parts = [
        _read_part(f"layer.{name}", module, layout, heads)
        for name, module in encoder.get_submodule(layout.layers).named_children()
    ]
    return tuple(layer for i in range(count) for layer in parts[i * len(parts) // count])


def _read_part(name: str, module: nn.Module, layout: FamilyLayout, heads: int) -> list[Layer]:
    """Read one layer, or the layers of a group."""
    if not layout.grouped:
        return [_read_layer(name, module, layout.layer, heads)]
    return [
        _read_layer(f"{name}.{inner}", layer, layout.layer, heads)
        for inner, layer in module.get_submodule(layout.grouped).named_children()
    ]


def _read_layer(name: str, module: nn.Module, paths: LayerLayout, heads: int) -> Layer:
    query, key, value = (
        read_linear("", module.get_submodule(path))
        for path in (paths.query, paths.key, paths.value)
    )
    return Layer(
        qkv=join_qkv(f"{name}.qkv", (query, key, value), heads),
        attention=read_linear(f"{name}.attention", module.get_submodule(paths.attention)),
        attention_norm=read_norm(
            f"{name}.attention.norm", module.get_submodule(paths.attention_norm)
        ),
        inner=read_linear(f"{name}.inner", module.get_submodule(paths.inner)),
        outer=read_linear(f"{name}.outer", module.get_submodule(paths.outer)),
        norm=read_norm(f"{name}.norm", module.get_submodule(paths.norm)),
    )
