"""How much memory a decoding will take, said before it begins."""

from playground.models.loading import DTYPES, LoadedModel
from playground.models.memory import free_memory_bytes
from playground.models.spec import first_number
from playground.records import GenerationSettings, PlaygroundError
from playground.records.sizes import say_bytes

_COPIES_OF_LOGITS = 6  # before and after the filters, probabilities, and what is sorted for them


def decoding_bytes(loaded: LoadedModel, n_rows: int, n_prompt: int, n_tokens: int) -> int:
    """Return roughly how many bytes the keys and values of `n_rows` texts take, and what is made of their logits.

    n_prompt: tokens that are read; n_tokens: those that the decoder has in the end.
    """
    spec, config = loaded.spec, loaded.model.config.get_text_config()
    item = DTYPES[spec.dtype].itemsize if spec.dtype in DTYPES else 4
    d_head = first_number(config, "head_dim") or spec.d_model // max(spec.n_query_heads, 1)
    n_kept = n_tokens + (n_prompt if spec.kind == "encoder-decoder" else 0)  # cross-attention's as well
    cache = 2 * spec.n_layers * spec.n_kv_heads * d_head * n_kept * item
    return n_rows * (cache + _COPIES_OF_LOGITS * spec.vocabulary_size * 4)


def check_memory(loaded: LoadedModel, settings: GenerationSettings, n_prompt: int, n_tokens: int) -> None:
    """Raise PlaygroundError, with what would fit, where a decoding would take more memory than is free."""
    n_rows = max(settings.num_beams if settings.searches else 1, settings.n_sequences)
    needed, free = decoding_bytes(loaded, n_rows, n_prompt, n_tokens), free_memory_bytes(loaded.model.device)
    if needed <= free:
        return
    fitting = free // decoding_bytes(loaded, 1, n_prompt, n_tokens)
    what = "beams or texts at a time" if n_rows > 1 else "texts of that length"
    advice = f"take at most {fitting} {what}, or fewer new tokens" if fitting else "ask for fewer new tokens"
    raise PlaygroundError(
        f"Writing {n_rows} x {n_tokens} tokens would take about {say_bytes(needed)} of memory, {say_bytes(free)} are "
        f"free: {advice}."
    )
