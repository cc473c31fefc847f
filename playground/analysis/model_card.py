"""What there is to say of a loaded model, read off its configuration and its modules."""

from typing import Any

from playground.analysis.positions import read_positions
from playground.models.loading import LoadedModel
from playground.models.memory import model_bytes
from playground.models.spec import first_number
from playground.records import ModelCard, ModelSpec, PlaygroundError, PositionKind, Side, StackSizes

_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_USED = ("num_experts_per_tok", "num_experts_per_token", "moe_top_k")


def read_model_card(loaded: LoadedModel, licence: str = "") -> ModelCard:
    """Return the sizes of a model, where it is and why, and its licence, where one is given."""
    spec, model = loaded.spec, loaded.model
    config = model.config.get_text_config()
    sides: tuple[Side, ...] = ("encoder", "decoder") if spec.kind == "encoder-decoder" else ()
    stacks = tuple(_read_side(config, spec, side) for side in sides) or (_read_only_side(config, spec),)
    return ModelCard(
        spec=spec,
        stacks=stacks,
        n_bytes=model_bytes(model),
        norm=_norm_of(model),
        positions=_positions_of(loaded),
        is_tied=_is_tied(model),
        placement=loaded.placement,
        licence=licence,
    )


def _read_only_side(config: Any, spec: ModelSpec) -> StackSizes:
    return StackSizes(
        side="encoder" if spec.kind == "encoder" else "decoder",
        n_layers=spec.n_layers,
        n_query_heads=spec.n_query_heads,
        n_kv_heads=spec.n_kv_heads,
        d_head=_d_head(config, spec, spec.n_query_heads),
        d_feed_forward=_d_feed_forward(config, spec),
        n_experts=first_number(config, *_EXPERTS),
        n_experts_used=first_number(config, *_EXPERTS_USED),
    )


def _read_side(config: Any, spec: ModelSpec, side: Side) -> StackSizes:
    """Return the sizes of one side of an encoder-decoder."""
    layers = ("encoder_layers", "num_layers", "num_hidden_layers") if side == "encoder" else ()
    n_heads = first_number(config, f"{side}_attention_heads") or spec.n_query_heads
    return StackSizes(
        side=side,
        n_layers=first_number(config, *layers) if layers else spec.n_layers,
        n_query_heads=n_heads,
        n_kv_heads=first_number(config, "num_key_value_heads") or n_heads,
        d_head=_d_head(config, spec, n_heads),
        d_feed_forward=first_number(config, f"{side}_ffn_dim") or _d_feed_forward(config, spec),
        has_cross_attention=side == "decoder",
    )


def _d_head(config: Any, spec: ModelSpec, n_heads: int) -> int:
    return first_number(config, "head_dim", "d_kv") or (spec.d_model // n_heads if n_heads else 0)


def _d_feed_forward(config: Any, spec: ModelSpec) -> int:
    named = first_number(config, "intermediate_size", "n_inner", "ffn_dim", "d_ff", "ffn_hidden_size", "hidden_dim")
    # GPT-2 and its kin leave it out where it is four times the width
    return named or (4 * spec.d_model if hasattr(config, "n_inner") else 0)


def _norm_of(model: Any) -> str:
    names = [type(module).__name__ for module in model.modules()]
    if any("RMSNorm" in name or name == "T5LayerNorm" for name in names):  # T5's is one, under another name
        return "RMSNorm"
    return "LayerNorm" if any(name.endswith("LayerNorm") for name in names) else ""


def _positions_of(loaded: LoadedModel) -> PositionKind | None:
    try:
        return read_positions(loaded, 1).kind
    except (PlaygroundError, RuntimeError, AttributeError, TypeError, ValueError):  # families differ in all of it
        return None


def _is_tied(model: Any) -> bool:
    embeddings, output = model.get_input_embeddings(), model.get_output_embeddings()
    weights = getattr(embeddings, "weight", None), getattr(output, "weight", None)
    return weights[0] is not None and weights[0] is weights[1]
