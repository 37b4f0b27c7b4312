"""Tiny random checkpoints with the other two kinds of tokenizer, trained on the spot."""

from pathlib import Path
from typing import Any

from tests.support.texts import PIECES, random_texts
from tests.support.tiny import TOKEN_LABELS

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def byte_level_checkpoint(folder: Path) -> Path:
    """Save a RoBERTa with a byte-level BPE tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import RobertaConfig, RobertaForTokenClassification

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    return _save(folder, tokenizer, RobertaForTokenClassification, RobertaConfig)


def unigram_checkpoint(folder: Path) -> Path:
    """Save an XLM-RoBERTa with a Unigram tokenizer."""
    import tokenizers as library
    from transformers import XLMRobertaConfig, XLMRobertaForTokenClassification

    tokenizer = library.Tokenizer(library.models.Unigram())
    tokenizer.normalizer = library.normalizers.NFKC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Metaspace()
    tokenizer.decoder = library.decoders.Metaspace()
    trainer = library.trainers.UnigramTrainer(
        vocab_size=400, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.post_processor = library.processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> $B </s>", [("<s>", 0), ("</s>", 2)]
    )
    return _save(folder, tokenizer, XLMRobertaForTokenClassification, XLMRobertaConfig)


def _corpus() -> list[str]:
    return [*random_texts(2000, seed=1), *[" ".join(PIECES)] * 3]


def _save(folder: Path, tokenizer: Any, model_class: Any, config_class: Any) -> Path:
    import torch
    from transformers import PreTrainedTokenizerFast

    names = ("bos", "pad", "eos", "unk", "mask")
    special = {f"{name}_token": token for name, token in zip(names, SPECIAL, strict=True)}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=64,
        **special,
    )
    torch.manual_seed(0)
    config = config_class(
        vocab_size=len(fast),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=80,
        type_vocab_size=1,
        pad_token_id=1,
        initializer_range=0.6,
        id2label=dict(enumerate(TOKEN_LABELS)),
        label2id={label: i for i, label in enumerate(TOKEN_LABELS)},
    )
    model_class(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
