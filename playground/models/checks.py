"""Whether a configuration and the weights beside it belong together, looked at before memory is taken for either."""

from typing import Any

import torch

from playground.models.spec import first_number
from playground.records import PlaygroundError

# Each layer is an object of some kilobytes even before it has weights: a made-up number of them fills the memory.
MOST_LAYERS = 1000
MOST_EXPERTS = 2000
_COUNTS = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "encoder_layers"),
    "decoder layers": ("decoder_layers", "num_decoder_layers"),
}
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def check_config(config: Any, auto_class: Any, n_parameters: int, model: str) -> None:
    """Raise PlaygroundError where a configuration describes far more than there are weights for.

    What is not among the weights is made up by transformers, from random numbers, in memory that nobody reserved.
    """
    text = config.get_text_config()
    for what, names in _COUNTS.items():
        if not 0 <= first_number(text, *names) <= MOST_LAYERS:
            raise PlaygroundError(f"{model} is not loaded: its configuration names an impossible number of {what}.")
    if not 0 <= first_number(text, *_EXPERTS) <= MOST_EXPERTS:
        raise PlaygroundError(f"{model} is not loaded: its configuration names an impossible number of experts.")
    with torch.device("meta"):
        empty = auto_class.from_config(config, trust_remote_code=False)
    described = sum(parameter.numel() for parameter in empty.parameters())
    if described > 4 * n_parameters + 1_000_000:  # tables of positions are not always among the weights
        raise PlaygroundError(
            f"{model} is not loaded: its configuration describes {described:,} weights, and there are {n_parameters:,}."
        )


def check_complete(missing: set[str], model: str) -> None:
    """Raise PlaygroundError where weights are missing: random numbers in their place would make its output a lie."""
    if missing:
        raise PlaygroundError(
            f"{model} cannot be shown: {len(missing)} of the weights that it predicts with are not there, such as "
            f"{min(missing)[:100]}. Take a model that was saved with its language-model head."
        )
