"""What heads carry: values after the output projection (Kobayashi et al. 2020, arXiv 2004.10102).

A head adds to the query's output the sum over keys of weight * f(x), with f(x) = (x W_V + b_V) W_O, and W_O those
rows of the output projection that read this head.
"""

import re
from collections.abc import Iterator

import torch
from jaxtyping import Float32
from torch import nn
from transformers.pytorch_utils import Conv1D

from playground.attention.interface import AttentionCall
from playground.attention.weights import per_query_head
from playground.records import PlaygroundError

# What families call the projection behind the heads: GPT-2 c_proj, Llama o_proj, BART out_proj, BERT and NeoX dense,
# DistilBERT out_lin, ModernBERT Wo, T5 and MPNet o
_OUTPUT = re.compile(r"(c|o|out|output)_proj|dense|out_lin|w?o|out|linear_out|attn_out|proj", re.IGNORECASE)
# What else attention modules are made of that changes nothing behind the values: projections and norms in front of
# the heads, rotary embeddings, position biases, dropout
_HARMLESS = re.compile(
    r"w?(q|k|v|qkv|kv|query|key|value)(_.*|[ab]_.*|norm|layernorm|proj|_lin)?|(q|k|query|key)_?(layer)?_?norm"
    r"|c_attn|q_attn|in_proj|query_key_value|relative_attention_bias|.*rotary.*|rope.*|.*drop.*|distance_embedding"
    r"|.*position.*",
    re.IGNORECASE,
)


def transformed_values(
    model: nn.Module, call: AttentionCall, heads: slice
) -> Float32[torch.Tensor, "head key d_model"]:
    """Return f(x) of every key, for some heads.

    Summed over all heads, weights @ f(x), and the bias of find_output_projection, is what the attention adds to the
    residual stream (in a post-norm model before its norm). Raises PlaygroundError as find_output_projection does.
    """
    projection = find_output_projection(model, call)
    n_heads, d_value = call.query.shape[1], call.value.shape[-1]
    weight = projection.weight if isinstance(projection, Conv1D) else projection.weight.T  # (in, d_model)
    with torch.inference_mode():
        by_head = weight.float().reshape(n_heads, d_value, -1)[heads]  # (head, d_value, d_model)
        values = per_query_head(call.value, n_heads)[heads].float()  # (head, key, d_value)
        return values @ by_head


def find_output_projection(model: nn.Module, call: AttentionCall) -> nn.Linear | Conv1D:
    """Return the projection that mixes the heads of an attention module.

    It is inside the module or, as in BERT, inside the module around it; a family's name for it and its width tell
    it. Raises PlaygroundError where it is not found, or where something else than it (a gate, a norm) stands
    between the heads and the residual stream: f(x) would not be what the model computes.
    """
    width = call.query.shape[1] * call.value.shape[-1]
    _check_nothing_between(call)
    parent = next((outer for outer in model.modules() if any(inner is call.module for inner in outer.children())), None)
    for place in (call.module, parent):
        if place is not None and (found := list(_projections(place, call.module, width))):
            return found[-1]
    raise _unknown(call)


def _projections(place: nn.Module, attention: nn.Module, width: int) -> Iterator[nn.Linear | Conv1D]:
    inside = set(attention.modules()) if place is not attention else set()
    for name, module in place.named_modules():
        if module in inside or not _OUTPUT.fullmatch(name.rpartition(".")[2]):
            continue
        if isinstance(module, nn.Linear | Conv1D) and _width(module) == width:
            yield module


def _check_nothing_between(call: AttentionCall) -> None:
    for name, child in call.module.named_children():
        # ALBERT's LayerNorm stands behind the projection and the residual connection
        if not (_OUTPUT.fullmatch(name) or _HARMLESS.fullmatch(name) or name == "LayerNorm"):
            raise _unknown(call)
        # A gate on the heads hides in a query projection of twice the width (Qwen3-Next)
        width = call.query.shape[1] * call.query.shape[-1]
        if name == "q_proj" and isinstance(child, nn.Linear) and child.out_features != width:
            raise _unknown(call)


def _width(module: nn.Linear | Conv1D) -> int:
    return module.in_features if isinstance(module, nn.Linear) else module.weight.shape[0]


def _unknown(call: AttentionCall) -> PlaygroundError:
    return PlaygroundError(
        f"What the heads of {type(call.module).__name__} pass on goes through parts that are not known here, so only "
        "the weights can be shown, not how much they carry."
    )
