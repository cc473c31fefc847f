"""Reading what a model is off the model."""

from typing import Any

from torch import nn

from playground.records import ModelKind, ModelSpec

# transformers maps most families' own names to these; the rest are names that it leaves alone.
_CONTEXT_NAMES = (
    "max_position_embeddings",
    "max_decoder_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
)


def read_spec(model: Any, name: str, kind: ModelKind) -> ModelSpec:
    """Return the sizes of a transformers model; those that its config does not name are 0."""
    config = model.config.get_text_config()
    n_query_heads = first_number(config, "num_attention_heads", "n_head", "decoder_attention_heads", "num_heads")
    return ModelSpec(
        name=name,
        kind=kind,
        architecture=type(model).__name__,
        n_layers=_n_layers(config, kind),
        n_query_heads=n_query_heads,
        n_kv_heads=first_number(config, "num_key_value_heads", "num_kv_heads", "n_head_kv") or n_query_heads,
        d_model=first_number(config, "hidden_size", "d_model", "n_embd"),
        vocabulary_size=first_number(config, "vocab_size"),
        context_length=_context_length(model, config),
        # parameters() gives a tensor that two modules share (tied embeddings) once
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        dtype=str(model.dtype).removeprefix("torch."),
        device=str(model.device),
    )


def _n_layers(config: Any, kind: ModelKind) -> int:
    if kind == "encoder-decoder":
        return first_number(config, "decoder_layers", "num_decoder_layers", "num_hidden_layers")
    return first_number(config, "num_hidden_layers", "n_layer", "num_layers")


def _context_length(model: Any, config: Any) -> int | None:
    """Return how many tokens the model can place, None where positions are relative or unbounded."""
    if getattr(config, "relative_attention_num_buckets", None):  # T5 and its kin carry a length that binds nothing
        return None
    length = first_number(config, *_CONTEXT_NAMES)
    if length <= 0:
        return None
    # RoBERTa and its kin count positions from the padding id on: those before it are never used
    for module_name, module in model.named_modules():
        is_table = module_name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
        if is_table and module.padding_idx is not None and module.num_embeddings == length:
            return length - module.padding_idx - 1
    return length


def first_number(config: Any, *names: str) -> int:
    """Return the first of `names` that the config has as a number, else 0."""
    for name in names:
        value = _read(config, name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, list | tuple) and value and isinstance(value[0], int):  # one number a layer (OpenELM)
            return max(value)
    return 0


def _read(config: Any, name: str) -> Any:
    """Return what a configuration names, of one that differs from layer to layer a list; None if it is not there."""
    try:
        return getattr(config, name, None)
    except RuntimeError:  # transformers refuses one number for all layers where they differ
        return [getattr(layer, name) for layer in config.per_layer_config]
