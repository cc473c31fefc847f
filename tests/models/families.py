"""Tiny models of many families, for instruments that look inside: each built once."""

from functools import cache

import transformers

import playground
from playground.language_model import LanguageModel
from tests.models import architectures, checkpoints
from tests.models.shrinking import build

DECODERS = (
    "gpt2",
    "llama",
    "gemma2",
    "gpt_oss",
    "gptj",
    "falcon",
    "qwen3",
    "opt",
    "gpt_neox",
    "phi",
    "mistral",
    "bloom",
    "gpt_bigcode",
    "cohere",
    "stablelm",
)
ENCODER_DECODERS = ("bart", "marian", "t5", "pegasus")
FAMILIES = (*DECODERS, *ENCODER_DECODERS)
IDS = (5, 17, 40, 3, 17, 99, 250, 40, 8)
SOURCE_IDS = (7, 30, 12, 60, 61, 4)


@cache
def tiny_lm(family: str) -> LanguageModel:
    """Return a tiny model of a family with random weights that are large enough to tell its tokens apart."""
    registry = "seq2seq" if family in ENCODER_DECODERS else "causal"
    model_class = getattr(transformers, architectures.REGISTRIES[registry][family])
    model = build(family, model_class, architectures.changes_for(registry, family))
    return playground.wrap(model, checkpoints.byte_level_tokenizer(), family)


def text_of(family: str) -> dict:
    """Return what such a model is asked of, by the names of LanguageModel's methods."""
    return {"text": SOURCE_IDS, "target": IDS} if family in ENCODER_DECODERS else {"text": IDS}


def reference_inputs(lm: LanguageModel, family: str) -> dict:
    """Return the same as transformers takes it, and the ids that are predicted."""
    import torch

    if family not in ENCODER_DECODERS:
        return {"input_ids": torch.tensor([IDS])}
    start = lm.attention(list(SOURCE_IDS), list(IDS)).target_tokens[0].id
    return {"input_ids": torch.tensor([SOURCE_IDS]), "decoder_input_ids": torch.tensor([(start, *IDS)])}
