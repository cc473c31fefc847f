"""What a model is called with."""

from collections.abc import Sequence
from typing import Any

import torch

from playground.models.loading import LoadedModel


def model_inputs(
    loaded: LoadedModel, ids: Sequence[int], target_ids: Sequence[int] = (), n_copies: int = 1
) -> dict[str, Any]:
    """Return the arguments for one pass over a text, or over the same text several times, without a cache.

    target_ids: what the decoder of an encoder-decoder reads, its start token first.
    """
    device = loaded.model.device
    given = torch.tensor([[*ids]] * n_copies, device=device)  # (copy, token)
    inputs: dict[str, Any] = {"input_ids": given, "attention_mask": torch.ones_like(given), "use_cache": False}
    if target_ids:
        inputs["decoder_input_ids"] = torch.tensor([[*target_ids]] * n_copies, device=device)
    return inputs
