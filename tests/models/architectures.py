"""Every architecture that transformers registers as a language model: what a tiny one needs, and which are left out.

`python -m tests.models.architectures [--write]` prints the sums, and puts them into the README.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from transformers.models.auto import modeling_auto

REGISTRIES: dict[str, dict[str, str]] = {
    "causal": dict(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
    "masked": dict(modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
    "seq2seq": dict(modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES),
}

README = Path(__file__).parents[2] / "README.md"
START, END = "<!-- architectures -->", "<!-- /architectures -->"


class LeftOut(NamedTuple):
    """Why the attention of a family is not captured."""

    why: Literal["no attention", "no text", "not captured"]
    reason: str


# No entry may stand here that is captured after all: a test sees to it.
LEFT_OUT: dict[str, LeftOut] = {
    **{
        family: LeftOut("no attention", "a state-space model: a state of fixed size in place of attention")
        for family in ("falcon_mamba", "mamba", "mamba2")
    },
    "rwkv": LeftOut("no attention", "a recurrence over keys and values, without queries"),
    "xlstm": LeftOut("no attention", "recurrent cells"),
    "fnet": LeftOut("no attention", "a Fourier transform mixes the tokens"),
    "musicgen": LeftOut("no text", "its decoder reads the codes of sounds"),
    "musicgen_melody": LeftOut("no text", "its decoder reads the codes of sounds"),
    "voxtral_realtime": LeftOut("no text", "reads no text without the sound that it belongs to"),
    "gemma4_assistant": LeftOut("no text", "drafts for another model: reads its hidden states, keys and values"),
    "gemma4_unified_assistant": LeftOut(
        "no text", "drafts for another model: reads its hidden states, keys and values"
    ),
    "mra": LeftOut("not captured", "approximates attention at several resolutions; eager gives no weights"),
    "yoso": LeftOut("not captured", "estimates attention by hashing; eager gives the output in place of weights"),
    "perceiver": LeftOut("not captured", "its latents look at the text and at each other; no token looks at another"),
    "gemma3n": LeftOut("not captured", "its vision tower needs timm, which is not installed; gemma3n_text is captured"),
}

# Kinds of attention of captured families whose queries, keys and values are not shown, and why: the maps are there
NO_ARITHMETIC: dict[tuple[str, str], str] = {
    ("cpmant", "self"): "its prompt, which is no part of the text, takes part in the softmax",
    **dict.fromkeys(
        [("granite_swa", "self"), ("granitemoe_swa", "self")], "what its heads pass on is scaled after the softmax"
    ),
    ("reformer", "self"): "the softmax is written by hand, over chunks",
    **dict.fromkeys(
        [("longformer", "self"), ("led", "encoder"), ("longt5", "encoder"), ("pegasus_x", "encoder")],
        "the softmax is over windows of keys",
    ),
    ("prophetnet", "cross"): "the softmax is over several streams of queries",
}

# Encoders whose configuration says whether they write instead
_MAY_DECODE = {*REGISTRIES["masked"], "bert-generation"} & {*REGISTRIES["causal"]} - {"bart", "mbart", "mvp", "xlm"}

# Weights that leave attention neither uniform nor, where queries are not divided by their size, all but one token's
SPREADS = {"gemma4": 0.1, "gemma4_text": 0.1, "roformer": 0.2}

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
_TOKENIZER_PART = {"hidden_size": 32, "num_filters": 2, "depths": [1, 1], "downsampling_ratios": [2]}

# What shrinking.py cannot know: fields of the configuration class, those of its parts as a dict.
CHANGES: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1]},
    "big_bird": {"attention_type": "original_full"},
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
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note": {
        "text_config": _EQUAL_HEADS,
        "vision_config": {"adapter_in_dim": 32, "adapter_out_dim": 32},
        "audio_config": {"adapter_input_size": 32, "adapter_out_dim": 32},
    },
    "dots3_note_text": _EQUAL_HEADS,
    "encoder-decoder": {"decoder": {"is_decoder": True, "add_cross_attention": True}},
    "gemma3n_text": {"num_hidden_layers": 4, "layer_types": _LAYERS * 2, "num_kv_shared_layers": 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "jamba": {"num_hidden_layers": 5},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "luke": {"entity_vocab_size": 50, "entity_emb_size": 16},
    "mobilebert": {"embedding_size": 16},
    "mamba2": {"num_heads": 8},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 2},
    "pegasus_x": {"block_size": 4, "num_global_tokens": 2},
    "qwen4_exp": {"text_config": _QWEN4},
    "qwen4_exp_text": _QWEN4,
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16], "local_attn_chunk_length": 4},
    "esm": {"mask_token_id": 4, "pad_token_id": 1, "vocab_size": 64},
    "esmc": _EQUAL_HEADS,
    "led": {"attention_window": 4},
    "longt5": {"local_radius": 3, "global_block_size": 4},
    "longformer": {"attention_window": 4},
    "nemo_speechlm": {
        "audio_config": {"diarization_config": {"head_config": {"audio_hidden_size": 32}}},
        "word_timestamp_config": {"blank_token_id": 399},
    },
    "neomme": {"head_dim": 16},
    "vibevoice_asr": {
        "acoustic_tokenizer_encoder_config": _TOKENIZER_PART,
        "semantic_tokenizer_encoder_config": _TOKENIZER_PART,
    },
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 8, "attention_hidden_size": 64, "attention_head_dim": 16, "layers_block_type": None},
}


def entries(*whys: str) -> list[tuple[str, str]]:
    """Return the registry and family of all entries that are left out for one of `whys`; of those captured if none."""
    return [
        (registry, family)
        for registry, families in REGISTRIES.items()
        for family in families
        if (family in LEFT_OUT and LEFT_OUT[family].why in whys) or (family not in LEFT_OUT and not whys)
    ]


def changes_for(registry: str, family: str) -> dict[str, Any]:
    """Return what a tiny configuration of an entry needs beyond being small."""
    as_decoder = {"is_decoder": True} if registry == "causal" and family in _MAY_DECODE else {}
    return as_decoder | CHANGES.get(family, {})


def markdown() -> str:
    """Return the sums as a table, and why each family that is left out is."""
    captured, missed = entries(), entries("not captured")
    lines = [
        "| registry | registered | have attention and take text | captured exactly | left out |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, registries in [*((name, {name}) for name in REGISTRIES), ("all", set(REGISTRIES))]:
        n_registered = sum(len(REGISTRIES[registry]) for registry in registries)
        n_captured, n_missed = (_count(found, registries) for found in (captured, missed))
        lines.append(f"| {name} | {n_registered} | {n_captured + n_missed} | {n_captured} | {n_missed} |")
    return "\n".join([*lines, "", *_reasons()])


def _count(found: Iterable[tuple[str, str]], registries: set[str]) -> int:
    return sum(registry in registries for registry, _ in found)


def _reasons() -> list[str]:
    titles = {"not captured": "Left out", "no attention": "Have no attention", "no text": "Take no text alone"}
    lines = []
    for why, title in titles.items():
        families: dict[str, list[str]] = {}
        for family, left_out in LEFT_OUT.items():
            if left_out.why == why:
                families.setdefault(left_out.reason, []).append(f"`{family}`")
        lines.append(f"- {title}: " + "; ".join(f"{', '.join(of)} ({reason})" for reason, of in families.items()) + ".")
    kinds: dict[str, list[str]] = {}
    for (family, kind), reason in NO_ARITHMETIC.items():
        kinds.setdefault(reason, []).append(f"`{family}`" if kind == "self" else f"`{family}` ({kind})")
    of_each = "; ".join(f"{', '.join(of)}: {reason}" for reason, of in kinds.items())
    lines.append(
        "- The arithmetic inside a head, from query and key to what the head passes on, is shown and tested for all "
        "that are captured, those with attention code of their own too, but for these, of which there are weights "
        f"only. {of_each}."
    )
    return lines


def put_between_marks(text: str) -> str:
    """Return the README's text with the sums between their marks."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{markdown()}\n{END}{after}"


def main() -> None:
    """Print the sums, and write them where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.models.architectures", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the sums into the README")
    if parser.parse_args().write:
        README.write_text(put_between_marks(README.read_text("utf-8")), "utf-8")
    sys.stdout.write(markdown() + "\n")


if __name__ == "__main__":
    main()
