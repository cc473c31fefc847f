"""Every architecture that transformers registers as a language model, and what a tiny one of it needs."""

from typing import Any

from transformers.models.auto import modeling_auto

REGISTRIES: dict[str, dict[str, str]] = {
    "causal": dict(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
    "masked": dict(modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
    "seq2seq": dict(modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES),
}

_EQUAL_HEADS = {"num_key_value_heads": 4}
_LAYERS = ["sliding_attention", "full_attention"]
_ONE_BYTE = {"vocab_size": 260, "max_position_embeddings": 64, "num_hidden_layers": 1}

_INDEXER = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
    "indexer_budget": 8,
    "indexer_compress_ratio": 2,
}
_QWEN4 = {"ple_layer_ids": [], "ngram_vocab_size_base": 50, **_INDEXER}
_BLT_PART = {"vocab_size": 260, "hidden_size_global": 32}
_ALL_SHARED = {
    "num_hidden_layers": 2,
    "num_kv_shared_layers": 2,
    "hidden_size_per_layer_input": 0,
    "vocab_size_per_layer_input": 0,
    "layer_types": _LAYERS,
}

# What shrinking.py cannot know: fields of the configuration class, those of its parts as a dict.
CHANGES: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1]},
    "blt": {
        "encoder_hash_byte_group_vocab": 50,
        "encoder_config": _BLT_PART,
        "decoder_config": _BLT_PART,
    },
    "cohere_compass_text": {
        "layer_types": _LAYERS,
        "rope_parameters": {name: {"rope_type": "default", "rope_theta": 10000.0} for name in _LAYERS},
    },
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 48},
    },
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note": {
        "text_config": _EQUAL_HEADS,
        "vision_config": {"adapter_in_dim": 32, "adapter_out_dim": 32},
        "audio_config": {"adapter_input_size": 32, "adapter_out_dim": 32},
    },
    "dots3_note_text": _EQUAL_HEADS,
    "encoder-decoder": {"decoder": {"is_decoder": True, "add_cross_attention": True}},
    "gemma3n_text": {"num_hidden_layers": 4, "layer_types": _LAYERS * 2, "num_kv_shared_layers": 2},
    "gemma4_assistant": {"text_config": _ALL_SHARED},
    "gemma4_unified_assistant": {"text_config": _ALL_SHARED},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "jamba": {"num_hidden_layers": 5},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 2},
    "qwen4_exp": {"text_config": _QWEN4},
    "qwen4_exp_text": _QWEN4,
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16], "local_attn_chunk_length": 4},
    "esm": {"mask_token_id": 4, "pad_token_id": 1},
    "esmc": _EQUAL_HEADS,
    "led": {"attention_window": 4},
    "longcat_flash": {"v_head_dim": 8},
    "longformer": {"attention_window": 4},
    "neomme": {"head_dim": 16},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 8, "layers_block_type": None},
}
