"""How much memory a capture will take, said before it is taken."""

from collections.abc import Callable

from playground.attention.interface import is_installed
from playground.models.loading import DTYPES, LoadedModel
from playground.models.spec import first_number
from playground.records import PlaygroundError
from playground.records.sizes import say_bytes

DEFAULT_MAX_BYTES = 5 * 2**30  # a text of 4,096 tokens in bfloat16 with the layers and heads of Llama 2 7B: 4 GiB


def check_budget(
    loaded: LoadedModel, n_tokens: int, n_target_tokens: int, max_bytes: int, n_layers: int | None = None
) -> None:
    """Raise PlaygroundError, with the length that would fit, where a capture would take more than `max_bytes`.

    n_layers: how many are kept, where it is not all
    """
    n_longer = max(n_tokens, n_target_tokens)
    n_kinds = 3 if n_target_tokens else 1  # encoder, decoder and cross
    needed = estimator(loaded, n_kinds, n_layers)
    if needed(n_longer) <= max_bytes:
        return
    fitting = _largest(needed, max_bytes, n_longer)
    advice = f"{fitting} tokens would fit" if fitting else "not even one token would fit"
    raise PlaygroundError(
        f"The attention of {n_longer} tokens would take about {say_bytes(needed(n_longer))} of memory, "
        f"{say_bytes(max_bytes)} may be used: {advice}."
    )


def estimator(loaded: LoadedModel, n_kinds: int = 1, n_kept: int | None = None) -> Callable[[int], int]:
    """Return what tells from a number of tokens how many bytes a capture will hold, roughly."""
    spec = loaded.spec
    item = DTYPES[spec.dtype].itemsize if spec.dtype in DTYPES else 4
    n_layers = spec.n_layers * n_kinds
    config = loaded.model.config.get_text_config()
    d_head = first_number(config, "head_dim") or spec.d_model // max(spec.n_query_heads, 1)
    n_vectors = 2 * spec.n_query_heads + 2 * spec.n_kv_heads  # query, key, value and output of a token
    # Of those that ignore the interface all layers' finished weights as well
    n_weights, n_layers = (0, n_kept or n_layers) if is_installed(loaded.model) else (spec.n_query_heads, n_layers)
    # And one mask for all layers
    return lambda n: n_layers * (n_vectors * d_head * n + n_weights * n * n) * item + n * n * item


def _largest(needed: Callable[[int], int], max_bytes: int, too_many: int) -> int:
    """Return the largest number of tokens that fits; `too_many` does not."""
    fits = 0
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        fits, too_many = (middle, too_many) if needed(middle) <= max_bytes else (fits, middle)
    return fits
