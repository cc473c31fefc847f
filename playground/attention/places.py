"""What a module of attention is in its model: of which layer, and what attends to what."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from playground.records import AttentionKind

# Names of cross-attention modules in transformers: encoder_attn, EncDecAttention, crossattention, cross_attn
_CROSS = re.compile(r"encoder_att|enc_?dec|cross", re.IGNORECASE)
_SIDE = re.compile(r"(?:^|\.)(?:\w+_)?(encoder|decoder)(?=\.|$)")  # also text_encoder, text_decoder


def kind_of(module: nn.Module, name: str) -> AttentionKind:
    """Return what attends to what in a module of an encoder-decoder, by the module's name in the model."""
    side = _SIDE.search(name)
    if side is None or side[1] != "decoder":  # a decoder may hold something named encoder, but not the other way round
        return "encoder"
    return "cross" if is_cross(module, name[side.end() :]) else "decoder"


def is_cross(module: nn.Module, name: str) -> bool:
    """Return whether a module looks from one sequence at another, by what it or its name says."""
    return getattr(module, "is_cross_attention", False) or _CROSS.search(name) is not None


def layer_indices(model: Any, modules: Sequence[nn.Module]) -> tuple[int, ...]:
    """Return the layer of each of the modules, in the order in which they ran, as the model numbers its layers.

    A module that several layers share (Zamba) stands in the model once for each. Where the names tell no order,
    such as in a model that runs one layer again and again (ALBERT), they are counted from 0.
    """
    names: defaultdict[nn.Module, list[str]] = defaultdict(list)
    for name, module in model.named_modules(remove_duplicate=False):
        names[module].append(name)
    runs: Counter[nn.Module] = Counter()
    numbers: list[int | None] = []
    for module in modules:
        own = names[module]
        numbers.append(_first_number(own[runs[module] % len(own)]) if own else None)
        runs[module] += 1
    found = [number for number in numbers if number is not None]
    if len(found) == len(numbers) and all(one < other for one, other in pairwise(found)):
        return tuple(found)
    return tuple(range(len(numbers)))


def _first_number(name: str) -> int | None:
    return next((int(part) for part in name.split(".") if part.isdecimal()), None)
