"""One sequence, one token after the other: what transformers' generate does for it, without its bookkeeping.

On a small model generate spends a quarter of its time outside the model. Where a model might need more of generate
than is done here, generate is used.
"""

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float32, Int64
from transformers import DynamicCache, GenerationMixin, LogitsProcessor

from playground.decoding.processors import Draw, check_highest

# (ids, *cache tensors) -> (logits, *cache tensors), see traced.py
ModelStep = Callable[..., tuple[torch.Tensor, ...]]


def fits_loop(model: Any) -> bool:
    """Return whether continue_text does for `model` what generate would do.

    So it is for decoders that prepare their inputs as most do, keep the usual cache, and can leave out the logits
    of all positions but the last.
    """
    own = getattr(model, "generation_config", None)  # encoders have none
    if own is None:
        return False
    prepares_itself = any(
        "prepare_inputs_for_generation" in vars(parent)
        for parent in type(model).__mro__
        if parent is not GenerationMixin
    )
    return (
        not model.config.is_encoder_decoder
        and not prepares_itself
        and model._supports_default_dynamic_cache()
        and own.cache_implementation is None
        and own.prefill_chunk_size is None
        and "logits_to_keep" in inspect.signature(model.forward).parameters
    )


def tensors_of(cache: Any) -> list[torch.Tensor]:
    """Return the keys and values of every layer of a DynamicCache, in turn  # each (1, key head, length, width)."""
    return [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]


def with_room(
    cache: Sequence[Float[torch.Tensor, "batch _key_head _token _width"]], n_tokens: int
) -> list[Float[torch.Tensor, "batch _key_head _token _width"]]:
    """Return a cache in memory that has room for `n_tokens` more, as a traced step needs it.

    A position's heads lie together, so that the strides do not depend on the room.
    """
    roomy = []
    for tensor in cache:
        n_batch, n_heads, length, width = tensor.shape
        memory = tensor.new_empty(n_batch, length + n_tokens, n_heads, width)
        roomy.append(memory[:, :length].transpose(1, 2).copy_(tensor))
    return roomy


@torch.inference_mode()
def continue_text(
    model: Any,
    ids: Int64[torch.Tensor, "1 token"],
    processors: Sequence[LogitsProcessor],
    take: Callable[[int, list[Float32[torch.Tensor, "1 vocabulary"]]], bool],
    *,
    eos_ids: Collection[int],
    max_new_tokens: int,
    draw: Draw | None = None,
    step: ModelStep | None = None,
) -> None:
    """Take the likeliest token of the processed scores, or the one that is drawn, up to `max_new_tokens` times.

    ids: the prompt. `take` is given each chosen token's id, and the scores before the processors and after each; it
    returns whether the text is over.
    step: the model's step as trace_step gives it, where there is one.
    Raises PlaygroundError where the scores to choose by are not numbers.
    """
    cache = DynamicCache(config=model.config)
    output = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    all_logits = output.logits
    tensors = with_room(tensors_of(cache), max_new_tokens) if step is not None else []
    for n_left in reversed(range(max_new_tokens)):
        # A copy in float32: the recorder keeps it, and the model may use its own again
        scores: Any = all_logits[:, -1].to(copy=True, dtype=torch.float32)
        stages = [scores]
        for process in processors:  # a LogitsProcessorList would look up each one's signature at every token
            scores = process(ids, scores)
            stages.append(scores)
        # max is twice as fast as argmax, and tells besides whether all of them are numbers
        best = scores.max(dim=-1, keepdim=True) if draw is None else draw.race(scores.softmax(dim=-1))
        check_highest(best.values.item())
        unread = best.indices
        id = int(unread)
        if take(id, stages) or id in eos_ids or not n_left:
            return
        ids = torch.cat([ids, unread], dim=1)
        if step is not None:
            all_logits, *tensors = step(unread, *tensors)
        else:
            output = model(input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1)
            all_logits = output.logits
