"""Builds a tiny model of any architecture that transformers has, from its configuration class alone."""

import dataclasses
from typing import Any

import torch
from transformers import CONFIG_MAPPING, PreTrainedConfig, PreTrainedModel

VOCABULARY = 400  # as the tokenizers of checkpoints.py
CONTEXT = 64

# A field of a configuration by its name: what it is made to be. A number above the default stays at the default.
SIZES: dict[str, int] = {
    **dict.fromkeys(["vocab_size", "src_vocab_size", "tgt_vocab_size", "decoder_vocab_size"], VOCABULARY),
    **dict.fromkeys(["vocab_size_per_layer_input", "unpadded_vocab_size"], VOCABULARY),
    **dict.fromkeys(["hidden_size", "d_model", "n_embd", "dim", "emb_dim", "embedding_dim", "embed_dim"], 32),
    **dict.fromkeys(["embedding_size", "word_embed_proj_dim", "input_embedding_size", "output_embedding_size"], 32),
    **dict.fromkeys(["lru_width", "d_latents", "backbone_hidden_size", "projection_dim"], 32),
    **dict.fromkeys(["input_dim", "output_dim"], 32),
    **dict.fromkeys(["num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"], 4),
    **dict.fromkeys(["encoder_attention_heads", "decoder_attention_heads", "num_encoder_attention_heads"], 4),
    **dict.fromkeys(["num_decoder_attention_heads", "swa_num_attention_heads", "speech_encoder_attention_heads"], 4),
    **dict.fromkeys(["t2u_encoder_attention_heads", "t2u_decoder_attention_heads"], 4),
    **dict.fromkeys(["num_key_value_heads", "num_kv_heads", "n_head_kv", "swa_num_key_value_heads"], 2),
    **dict.fromkeys(["head_dim", "d_kv", "v_head_dim", "qk_nope_head_dim", "d_head", "dim_head", "kv_channels"], 8),
    **dict.fromkeys(["swa_head_dim", "swa_v_head_dim", "attention_head_size", "index_head_dim"], 8),
    **dict.fromkeys(["linear_head_dim", "linear_key_head_dim", "linear_value_head_dim", "global_head_dim"], 8),
    **dict.fromkeys(["linear_num_heads", "linear_num_key_heads", "linear_num_value_heads", "index_n_heads"], 4),
    **dict.fromkeys(["qk_rope_head_dim", "rotary_dim"], 8),
    **dict.fromkeys(["kv_lora_rank", "q_lora_rank", "o_lora_rank", "laurel_rank", "mamba_dt_rank", "adapter_rank"], 8),
    **dict.fromkeys(["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"], 2),
    **dict.fromkeys(["num_encoder_layers", "num_decoder_layers", "speech_encoder_layers", "t2u_encoder_layers"], 2),
    **dict.fromkeys(["t2u_decoder_layers", "encoder_num_hidden_layers", "depth"], 2),
    **dict.fromkeys(
        ["intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff", "dff", "dim_ff"], 48
    ),
    **dict.fromkeys(["d_inner", "feed_forward_size", "ffn_hidden_size", "hidden_dim", "shared_intermediate_size"], 48),
    **dict.fromkeys(["moe_intermediate_size", "shared_expert_intermediate_size", "intermediate_size_mlp"], 48),
    **dict.fromkeys(["moe_shared_expert_intermediate_size", "expert_ffn_hidden_size", "dense_intermediate_size"], 48),
    **dict.fromkeys(["t2u_encoder_ffn_dim", "t2u_decoder_ffn_dim", "speech_encoder_intermediate_size"], 48),
    **dict.fromkeys(["shared_experts_intermediate_size", "moe_latent_size", "n_inner"], 48),
    **dict.fromkeys(["num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts", "zero_expert_num"], 4),
    **dict.fromkeys(["num_experts_per_tok", "moe_topk", "moe_top_k", "moe_k", "num_experts_per_token"], 2),
    **dict.fromkeys(["n_group", "topk_group", "n_expert_groups", "n_limited_groups"], 1),
    **dict.fromkeys(["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length"], CONTEXT),
    **dict.fromkeys(["max_source_positions", "max_target_positions", "max_encoder_position_embeddings"], CONTEXT),
    **dict.fromkeys(["max_decoder_position_embeddings", "seq_length", "t2u_max_position_embeddings"], CONTEXT),
    **dict.fromkeys(["context_length"], CONTEXT),
    **dict.fromkeys(["sliding_window", "sliding_window_size", "attention_window_size", "window_size"], 5),
    **dict.fromkeys(["local_attention", "attention_chunk_size"], 6),
    **dict.fromkeys(["mamba_d_state", "ssm_state_size", "state_size", "time_step_rank", "mamba_d_head"], 8),
    **dict.fromkeys(["mamba_n_heads", "mamba_num_heads", "n_mamba_heads"], 8),
    **dict.fromkeys(["mamba_head_dim", "mamba_headdim"], 8),
    **dict.fromkeys(["mamba_chunk_size", "chunk_size"], 4),
    **dict.fromkeys(["mamba_d_ssm"], 64),
    **dict.fromkeys(["first_k_dense_replace"], 1),
    **dict.fromkeys(["max_window_layers"], 1),
    **dict.fromkeys(["image_size", "intra_bottleneck_size", "true_hidden_size"], 32),
    **dict.fromkeys(["patch_size"], 16),
    **dict.fromkeys(["hidden_size_per_layer_input"], 8),
}
SPREAD = 0.15  # standard deviation of the weights
N_LAYERS_NAMES = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers")
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "decoder_start_token_id": 1}


def build_config(config_class: Any, changes: dict[str, Any] | None = None) -> PreTrainedConfig:
    """Return a configuration of the class that is tiny, with `changes` over it (those of parts in a dict)."""
    changes = dict(changes or {})
    try:
        default = config_class()
    except Exception:  # some say that they need what `changes` has
        default = None
    given: dict[str, Any] = {}
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    if default is not None:
        values = vars(default)
        for name in fields:
            if name not in values or name in changes:
                continue
            small = _shrink(name, values[name])
            if small is not None:
                given[name] = small
        _shorten_lists(given, values, changes, fields)
    for name, part in (config_class.sub_configs or {}).items():
        inner = changes.pop(name, {})
        value = getattr(default, name, None)
        part_class = type(value) if isinstance(value, PreTrainedConfig) else part
        if part_class.__name__ != "AutoConfig" and (value is not None or inner):
            given[name] = build_config(part_class, inner)
    if "kv_lora_rank" in fields:  # keys and values are made for every head
        given["num_key_value_heads"] = 4
    given |= {name: id for name, id in TOKENS.items() if name in fields}
    return config_class(**given | changes)


def _shrink(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    small = SIZES.get(name)
    if small is None:
        return None
    return min(small, value) if value > 0 else None


def _shorten_lists(given: dict[str, Any], values: dict[str, Any], changes: dict[str, Any], fields: Any) -> None:
    """Keep of lists with one entry a layer those of as many layers as show each kind of layer once."""
    count_name = next((name for name in N_LAYERS_NAMES if isinstance(values.get(name), int)), None)
    if count_name is None:
        return
    n_layers = values[count_name]
    lists = {
        name: value
        for name, value in values.items()
        if isinstance(value, list | tuple) and len(value) == n_layers and name in fields
    }
    kinds = [repr([value[layer] for value in lists.values()]) for layer in range(n_layers)]
    kept = [layer for layer, kind in enumerate(kinds) if kinds.index(kind) == layer][:8]
    if len(kept) < 2:
        kept = [*kept, *(layer for layer in range(n_layers) if layer not in kept)][:2]
    if lists:
        given[count_name] = changes.get(count_name, len(kept))
        for name, value in lists.items():
            if name not in changes:
                given[name] = [value[layer] for layer in kept[: given[count_name]]]


def build(
    model_type: str, model_class: Any, changes: dict[str, Any] | None = None, spread: float = SPREAD
) -> PreTrainedModel:
    """Return a tiny model with seeded weights, large enough for its attention not to be uniform."""
    config = build_config(CONFIG_MAPPING[model_type], changes)
    for name in config.sub_configs:  # a family that also sees or hears may have a class for its text part alone
        if type(getattr(config, name)) is model_class.config_class:
            config = getattr(config, name)
            break
    if config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None:
        config.decoder_start_token_id = TOKENS["decoder_start_token_id"]
    torch.manual_seed(0)
    model = model_class(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point() and (parameter.dim() > 1 or not parameter.any()):  # biases, sinks
                parameter.normal_(0.0, spread, generator=generator)
    return model
