"""A true LayoutLMv3 so small that it trains in seconds, and its tokenizer; made, not downloaded."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LayoutLMv3Config, LayoutLMv3ForTokenClassification

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def save_tiny_base(folder: Path, *, visual: bool = False, layers: int = 2, hidden: int = 48) -> Path:
    """A folder such as `save_pretrained` makes: a base model with random weights."""
    tokenizer = byte_tokenizer()
    config = LayoutLMv3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        coordinate_size=hidden // 6,
        shape_size=hidden // 6,
        max_position_embeddings=130,
        visual_embed=visual,
    )
    torch.manual_seed(0)
    LayoutLMv3ForTokenClassification(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def byte_tokenizer() -> Tokenizer:
    """A byte-level BPE with the special tokens and ids of RoBERTa, learnt from a few words."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Invoice number date total amount company address " * 20], trainer)
    return tokenizer
