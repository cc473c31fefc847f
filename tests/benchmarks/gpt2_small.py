"""A model of the size of GPT-2 small with random weights: what it costs does not depend on what it has learned."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

NAME = "GPT-2-small-sized"


def build_model() -> GPT2LMHeadModel:
    """Build it: 12 layers of 12 heads, width 768, 124 million parameters, float32."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0)).eval()


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Build a byte-level tokenizer of as many tokens as GPT-2 has, most of them words that no text will hold."""
    pieces = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    pieces += [f"Ġw{number}" for number in range(GPT2Config().vocab_size - len(pieces))]
    tokenizer = Tokenizer(models.BPE({piece: place for place, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|end|>")


def save(folder: Path) -> str:
    """Write model and tokenizer as files, and return where they are."""
    model = build_model()
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return str(folder)
