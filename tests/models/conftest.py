"""Tiny models, built once for all tests here."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import playground
from playground.language_model import LanguageModel
from tests.models import checkpoints
from tests.models.checkpoints import ENDS


@dataclass(frozen=True)
class Tiny:
    """A tiny model as the project has it, and an untouched copy to compare it with."""

    lm: LanguageModel
    reference: Any  # transformers' model, eager attention


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], Tiny]:
    built: dict[str, Tiny] = {}

    def get(family: str) -> Tiny:
        if family not in built:
            model = checkpoints.build_model(family)
            reference = copy.deepcopy(model)
            if reference._can_set_attn_implementation():
                reference.set_attn_implementation("eager")
            else:
                reference.config._attn_implementation_internal = "eager"
            tokenizer = checkpoints.TOKENIZERS[family]()
            built[family] = Tiny(playground.wrap(model, tokenizer, family), reference)
        return built[family]

    return get


@pytest.fixture
def damaged() -> LanguageModel:
    """Return a model of one's own, one of whose matrices holds NaN."""
    model = checkpoints.build_model("gpt2")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.weight.fill_(float("nan"))
    return playground.wrap(model, checkpoints.byte_level_tokenizer(), "damaged")


@pytest.fixture
def ends(tiny, request):
    """Give the family several ids that end a text, for one test."""
    model = tiny(request.node.callspec.params["family"])
    configs = [model.lm.loaded.model.generation_config, model.reference.generation_config]
    before = [config.eos_token_id for config in configs]
    for config in configs:
        config.eos_token_id = ENDS
    yield model
    for config, eos in zip(configs, before, strict=True):
        config.eos_token_id = eos
