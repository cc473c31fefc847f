"""One head's rows under another mask: the captured scores, and the softmax taken anew."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32

from playground.attention.interface import AttentionCall
from playground.attention.layers import Layers
from playground.attention.weights import ALL, compute_scores, weights_of
from playground.records import PlaygroundError


def counterfactual_weights(
    layers: Layers, layer: int, head: int, hidden: Sequence[int] = (), *, mask_off: bool = False
) -> Float32[torch.Tensor, "query key"]:
    """Return one head's weights with some keys hidden, or with the mask off.

    `mask_off` lets every query see every key, whatever hid it: causal order or a sliding window. A query with
    nothing left to look at has weights of 0. Where weights go to a sink that is no key (gpt-oss), the sink stays.
    Raises PlaygroundError for `mask_off` where the architecture gives finished weights only.
    """
    heads = slice(head, head + 1)
    call = _call(layers, layer)
    if call is not None and layers.keys == ALL:
        with torch.inference_mode():
            scores = compute_scores(call, heads)
            masked = scores.scaled.clone() if mask_off else scores.masked.clone()  # (1, query, key)
            masked[masked <= torch.finfo(torch.float32).min / 2] = -torch.inf
            masked[..., list(hidden)] = -torch.inf
            weights = weights_of(call, masked, heads, ALL)[0]
            return weights.masked_fill((masked == -torch.inf).all(dim=-1)[0, :, None], 0.0).cpu()
    if mask_off:
        raise PlaygroundError(
            "This architecture gives finished attention weights only: what its mask hid cannot be computed."
        )
    weights = layers.weights(layer, heads)[0].clone()  # (query, key)
    total = weights.sum(dim=-1, keepdim=True)
    weights[:, list(hidden)] = 0.0
    # The softmax over fewer keys is the same weights, scaled up to the same sum
    left = weights.sum(dim=-1, keepdim=True)
    return torch.where(left > 0, weights * (total / left), 0.0)


def _call(layers: Layers, layer: int) -> AttentionCall | None:
    try:
        return layers.call(layer)
    except LookupError:
        return None
