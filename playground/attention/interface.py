"""One attention function of ours, registered with transformers, that serves nearly every architecture.

While nobody looks it hands over to torch's fused attention (sdpa). While a capture is active in this context it
also keeps queries, keys, values and whatever else the weights are made of; those are computed later, for the
layers and heads that are asked for, so memory holds no layer's weights but the one on screen.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

NAME = "playground"
EAGER_NAME = "playground_eager"  # for models that cannot use sdpa

# True where a query may look, or added to the scores; it may be as long as a cache that is not full
Mask = (
    Bool[torch.Tensor, "#copy #query_head #query mask_key"] | Float[torch.Tensor, "#copy #query_head #query mask_key"]
)
# What a model's attention is called with, and what it returns: what the heads pass on, and their weights
Queries = Float[torch.Tensor, "copy query_head query d_head"]
Keys = Float[torch.Tensor, "copy key_head key d_head"]
Values = Float[torch.Tensor, "copy key_head key d_value"]
HeadOutputs = Float[torch.Tensor, "copy query query_head d_value"]
HeadWeights = Float[torch.Tensor, "copy query_head query key"]


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """What one attention module was called with, after rotary embedding; batch of one."""

    module: nn.Module
    query: Float[torch.Tensor, "1 query_head query d_head"]
    key: Float[torch.Tensor, "1 key_head key d_head"]
    value: Float[torch.Tensor, "1 key_head key d_value"]
    mask: Mask | None
    scaling: float
    is_causal: bool  # where there is no mask: each query sees the keys up to its own place
    softcap: float | None  # Gemma 2: scores are squeezed to +-softcap
    # One more score, to nowhere: that of gpt-oss, that of Inkling 2
    sinks: Float[torch.Tensor, " query_head"] | Float[torch.Tensor, "1 query_head query 1"] | None
    position_bias: Float[torch.Tensor, "1 #query_head #query key"] | None  # T5: added to the scores
    arguments: dict[str, Any] = field(default_factory=dict)  # all that the module passed by name
    # What the heads passed on: (1, query, query_head, d_value), but a family may hand it on otherwise
    output: Float[torch.Tensor, "..."] | None = None


class CallRecorder:
    """Keeps the attention calls of a forward pass, or those of some layers.

    `calls`: what was kept, in the order in which it happened
    `places`: of each, its place among all calls, counted from 0
    `modules`: of all calls, kept or not
    `on_call`: is told of each call that is kept
    """

    def __init__(
        self, wanted: Collection[int] | None = None, on_call: Callable[[AttentionCall], None] | None = None
    ) -> None:
        self.wanted = wanted
        self.on_call = on_call
        self.calls: list[AttentionCall] = []
        self.places: list[int] = []
        self.modules: list[nn.Module] = []
        self._last: tuple[nn.Module, Float[torch.Tensor, "1 query_head query d_head"]] | None = None

    def add(self, call: AttentionCall) -> None:
        """Keep a call, if its place is wanted."""
        if self._last is not None and call.module is self._last[0] and is_same(call.query, self._last[1]):
            return  # for a second half of the values with the same queries and keys (DiffLlama)
        self._last = (call.module, call.query)
        if self.wanted is None or len(self.modules) in self.wanted:
            self.calls.append(call)
            self.places.append(len(self.modules))
            if self.on_call is not None:
                self.on_call(call)
        self.modules.append(call.module)


# Modules whose attention is changed: copies that one run has for itself (models/hooks.py), so nobody else runs them
_edits: "WeakKeyDictionary[nn.Module, Callable[..., tuple[torch.Tensor, torch.Tensor | None]]]" = WeakKeyDictionary()
# A ContextVar, so that a capture in one thread sees nothing of a generation in another
_recorder: ContextVar[CallRecorder | None] = ContextVar("attention_calls", default=None)


def install(model: Any) -> bool:
    """Switch a transformers model to our attention; return False where its architecture ignores the interface."""
    if not model._can_set_attn_implementation():
        return False
    model.set_attn_implementation(NAME if model._supports_sdpa else EAGER_NAME)
    return True


def is_installed(model: Any) -> bool:
    """Return whether `model`, or a part of it, calls our attention function."""
    return any(config._attn_implementation in (NAME, EAGER_NAME) for config in configs_of(model))


def configs_of(model: Any) -> list[Any]:
    """Return the configurations that the parts of a model look at."""
    configs = (module.config for module in model.modules() if hasattr(module, "config"))
    return [config for config in {id(config): config for config in configs}.values() if hasattr(config, "model_type")]


@contextmanager
def capture_calls(
    wanted: Collection[int] | None = None, on_call: Callable[[AttentionCall], None] | None = None
) -> Iterator[CallRecorder]:
    """Keep the attention calls of the forward pass in this context, or those at the `wanted` places.

    on_call: is told of each call that is kept, as soon as it is over
    """
    recorder = CallRecorder(wanted, on_call)
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The attention function that models call; output as of transformers' own."""
    # sdpa refuses a softcap and would ignore sinks
    is_eager = any(kwargs.get(name) is not None for name in ("softcap", "s_aux", "sinks"))
    function = attend_with_weights if is_eager else sdpa_attention_forward
    return _attend_with(function, module, (query, key, value), attention_mask, kwargs)


def attend_eager(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The same, for models that cannot use sdpa."""
    return _attend_with(attend_with_weights, module, (query, key, value), attention_mask, kwargs)


def _attend_with(
    function: Callable[..., tuple[torch.Tensor, torch.Tensor | None]],
    module: nn.Module,
    states: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    mask: torch.Tensor | None,
    kwargs: dict[str, Any],
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attend by one of transformers' functions, or by what edits the module's calls; a recorder keeps the call."""
    output, weights = _edited(module, function)(module, *states, mask, **kwargs)
    if (recorder := _recorder.get()) is not None:
        recorder.add(replace(_keep(module, *states, mask, kwargs), output=output.detach()))
    return output, weights


def edit_calls(module: nn.Module, edit: Callable[..., tuple[torch.Tensor, torch.Tensor | None]]) -> None:
    """Let `edit` attend for a module as long as that lives; it is given what would have attended, and its arguments.

    module: a copy that one run has for itself (models/hooks.py)
    """
    _edits[module] = edit


def _edited(module: nn.Module, function: Callable[..., Any]) -> Callable[..., Any]:
    edit = _edits.get(module)
    return function if edit is None else partial(edit, function)


def is_same(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether both are the same numbers in the same place of memory."""
    return tensor.data_ptr() == other.data_ptr() and tensor.shape == other.shape


def eager_weights(call: AttentionCall, queries: slice) -> Float[torch.Tensor, "head query key"]:
    """Return what the eager function of the model's own file makes of some queries.

    Raises LookupError where the file has none.
    """
    n_queries = call.query.shape[2]
    mask, arguments = call.mask, dict(call.arguments)
    if mask is None:  # some add it without a look
        allowed = causal_mask(n_queries, call.key.shape[2], call.query.device)[None, None]
        mask = allowed if call.is_causal else torch.ones_like(allowed)
    for name, value in arguments.items():  # biases and sinks may have a row a query
        if isinstance(value, torch.Tensor) and value.dim() == 4 and value.shape[2] == n_queries:
            arguments[name] = value[:, :, queries]
    mask = additive(mask[:, :, queries] if mask.shape[2] == n_queries else mask, call.query.dtype)
    query = call.query[:, :, queries]
    _, weights = _eager_function(call.module)(call.module, query, call.key, call.value, mask, **arguments)
    if weights is None:
        raise LookupError(f"The eager attention of {type(call.module).__name__} gives no weights.")
    return weights[0]


def causal_mask(n_queries: int, n_keys: int, device: torch.device) -> Bool[torch.Tensor, "query key"]:
    """Return where sdpa's is_causal lets a query look: at keys up to its own place."""
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril()


def additive(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a mask as what is added to the scores: 0 where a query may look, the lowest number elsewhere."""
    if mask.dtype != torch.bool:
        return mask
    return torch.where(mask, 0.0, torch.finfo(dtype).min).to(dtype)


def attend_with_weights(
    module: nn.Module,
    query: Queries,
    key: Keys,
    value: Values,
    attention_mask: Mask | None,
    **kwargs: Any,
) -> tuple[HeadOutputs, HeadWeights | None]:
    """Call the eager function of the model's own file, with the mask in the form that it expects; no edits, no capture.

    Returns what the heads pass on, and the weights.
    """
    if attention_mask is not None:
        attention_mask = additive(attention_mask, query.dtype)
    elif looks_back(module, query, kwargs):
        attention_mask = additive(causal_mask(query.shape[2], key.shape[2], query.device), query.dtype)[None, None]
    return _eager_function(module)(module, query, key, value, attention_mask, **kwargs)


def _eager_function(module: nn.Module) -> Callable[..., tuple[torch.Tensor, torch.Tensor | None]]:
    for parent in type(module).__mro__:
        if (found := getattr(sys.modules[parent.__module__], "eager_attention_forward", None)) is not None:
            return found
    raise LookupError(f"{type(module).__name__} has no eager attention in its file.")


def looks_back(module: nn.Module, query: Float[torch.Tensor, "copy head query d_head"], kwargs: dict[str, Any]) -> bool:
    """Return what sdpa does where it is given no mask (see sdpa_attention_forward)."""
    is_causal = kwargs.get("is_causal")
    return bool(getattr(module, "is_causal", True) if is_causal is None else is_causal) and query.shape[2] > 1


def _keep(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    kwargs: dict[str, Any],
) -> AttentionCall:
    scaling = kwargs.get("scaling")
    return AttentionCall(
        module=module,
        query=query.detach(),
        key=key.detach(),
        value=value.detach(),
        mask=mask,
        scaling=float(scaling) if scaling is not None else query.shape[-1] ** -0.5,
        is_causal=mask is None and looks_back(module, query, kwargs),
        softcap=kwargs.get("softcap"),
        sinks=kwargs.get("s_aux") if kwargs.get("s_aux") is not None else kwargs.get("sinks"),
        position_bias=kwargs.get("position_bias"),
        arguments=kwargs,
    )


AttentionInterface.register(NAME, attend)
AttentionInterface.register(EAGER_NAME, attend_eager)
AttentionMaskInterface.register(NAME, sdpa_mask)
AttentionMaskInterface.register(EAGER_NAME, eager_mask)
