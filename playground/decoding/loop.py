"""One sequence, one token after the other: what transformers' generate does for it, without its bookkeeping.

On a small model generate spends a quarter of its time outside the model. Where a model might need more of generate
than is done here, generate is used.
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any

import torch
from transformers import DynamicCache, GenerationMixin, LogitsProcessorList


def fits_loop(model: Any) -> bool:
    """Return whether continue_text does for `model` what generate would do.

    So it is for decoders that prepare their inputs as most do, keep the usual cache, and can leave out the logits
    of all positions but the last.
    """
    own = model.generation_config
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


@torch.inference_mode()
def continue_text(
    model: Any,
    ids: torch.Tensor,
    processors: LogitsProcessorList,
    is_over: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    eos_ids: Collection[int],
    max_new_tokens: int,
) -> None:
    """Take the likeliest token of the processed scores, up to `max_new_tokens` times.

    ids: (1, prompt). `is_over` is asked after each token, with ids (1, length) and scores (1, vocabulary).
    """
    cache = DynamicCache(config=model.config)
    unread = ids
    for _ in range(max_new_tokens):
        output = model(input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1)
        # A copy in float32: the recorder keeps it, and the model may use its own again
        logits = output.logits[:, -1].to(copy=True, dtype=torch.float32)
        scores = processors(ids, logits)  # type: ignore[arg-type]  transformers annotates LongTensor, ids are int64
        unread = scores.argmax(dim=-1, keepdim=True)
        ids = torch.cat([ids, unread], dim=1)
        if bool(is_over(ids, scores)) or int(unread) in eos_ids:
            return
