"""A model's step from one token to the next as a single graph that runs outside Python.

On a small model half of a step is Python: modules, hooks, arguments handed on. The step is therefore recorded once
as the tensor operations that it consists of, and run by TorchScript's interpreter, which meanwhile also leaves
Python's lock to the page. The operations are those of the model itself, in its order, so the numbers are the same.
"""

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import fx, nn
from torch.fx.experimental.proxy_tensor import make_fx
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from playground.decoding.loop import ModelStep, fits_loop, tensors_of, with_room

_LENGTHS = (7, 11, 13, 17, 19, 23)  # one that is no other size of the cache: sizes that are equal are taken for one
_CHECKED_LENGTHS = (1, 2, 37)
_CHECKED_STEPS = 3

_COPIES = (torch.ops.aten.lift_fresh_copy.default, torch.ops.aten.clone.default)  # nothing is written in place

_log = logging.getLogger(__name__)
_tracing = threading.Lock()
_steps: "WeakKeyDictionary[nn.Module, ModelStep]" = WeakKeyDictionary()

logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)  # it prints what is caught here


def speed_up(model: nn.Module) -> bool:
    """Trace the step of `model`, so that continue_text runs it so from now on; return whether that could be done.

    Takes about a second. Hooks and changes to its modules made later are not seen by the traced step; values written
    into its weights are.
    """
    step = trace_step(model)
    if step is not None:
        _steps[model] = step
    return step is not None


def traced_step(model: nn.Module) -> ModelStep | None:
    """Return what `speed_up` has made of the model, if it has."""
    return _steps.get(model)


def trace_step(model: Any) -> ModelStep | None:
    """Return the step of a decoder as a graph: (ids, *cache) -> (logits, *cache); None where it cannot be traced.

    ids: int64 (1, 1). cache: as tensors_of gives it, one longer afterwards. logits: (1, 1, vocabulary).
    It is returned only if it gave the very numbers of the model, at several lengths.
    """
    if not fits_loop(model) or model.device.type != "cpu" or sys.version_info >= (3, 14):  # TorchScript ends there
        return None
    try:
        # TorchScript is deprecated, and warns of what _gives_the_same looks for
        with _tracing, warnings.catch_warnings(action="ignore"), torch.no_grad():
            step = _trace(model)
            return step if _gives_the_same(model, step) else None
    except Exception as error:  # whatever a model's code or the tracer runs into: the model itself still works
        _log.info("%s is not traced: %s", type(model).__name__, " ".join(str(error).split())[:300])
        return None


def _trace(model: Any) -> ModelStep:
    cache = tensors_of(_read(model, [1]))
    taken = {size for tensor in cache for size in tensor.shape}
    length = next(length for length in _LENGTHS if length not in taken)
    cache = tensors_of(_read(model, [1] * length))
    ids = torch.ones(1, 1, dtype=torch.long)
    # Symbolic sizes, so that the graph holds for every length; the weights are real
    graph: Any = make_fx(_step_of(model), tracing_mode="symbolic", _allow_non_fake_inputs=True)(ids, *cache)
    _check_any_length(graph)
    _let_the_cache_grow(graph, cache)
    _prepare_for_torchscript(graph)
    cache = with_room(cache, 1)
    traced: Any = torch.jit.trace(graph, (ids, *cache), check_trace=False)
    return torch.jit.freeze(traced.eval())


def _step_of(model: Any) -> ModelStep:
    def step(ids: torch.Tensor, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        cache = _cache_of(model, tensors)
        output = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return output.logits, *tensors_of(cache)

    return step


def _cache_of(model: Any, tensors: Sequence[torch.Tensor]) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    for layer, key, value in zip(cache.layers, tensors[::2], tensors[1::2], strict=True):
        if type(layer) is not DynamicLayer:
            raise TypeError(f"its cache has a {type(layer).__name__}")  # a window forgets: its length says less
        layer.lazy_initialization(key, value)
        layer.keys, layer.values = key, value
    return cache


def _read(model: Any, ids: list[int]) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    model(input_ids=torch.tensor([ids]), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def _check_any_length(graph: Any) -> None:
    """Raise ValueError where the model's code took a branch that depends on how much it has read."""
    lengths = set()
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            for size in node.meta["val"].shape[2:3]:
                lengths |= size.node.expr.free_symbols
    for guard in graph.shape_env.guards:
        if guard.expr.free_symbols & lengths:
            raise ValueError(f"it decides by its length: {guard.expr}")


def _let_the_cache_grow(graph: Any, cache: Sequence[torch.Tensor]) -> None:
    """Put `_append` in the place of each concatenation of a cached tensor with a new one.

    All are equally long, so that it is worked out once how long they will be; their other sizes are constants.
    """
    _, *cached = (node for node in graph.graph.nodes if node.op == "placeholder")
    sizes = {node: tensor.shape for node, tensor in zip(cached, cache, strict=True)}
    length = None
    for node in list(graph.graph.nodes):
        if node.target is not torch.ops.aten.cat.default or node.args[0][0] not in sizes:
            continue
        old, new = node.args[0]
        if length is None:
            with graph.graph.inserting_before(node):
                length = graph.graph.call_function(_one_longer, (old,))
        n_heads, width = sizes[old][1], sizes[old][3]
        node.target, node.args = _append, (old, new, n_heads, length, width)


def _prepare_for_torchscript(graph: Any) -> None:
    """Put what TorchScript's tracer follows in place of what it would freeze or change."""
    for node in list(graph.graph.nodes):
        if node.target is torch.ops.aten.sym_size.int:
            node.target = torch.Tensor.size  # else the length of the example is taken for a constant
        elif node.target is torch.ops.aten.addmm.default:
            node.target = _addmm  # TorchScript makes two operations of addmm, which round otherwise
        elif node.target is torch.ops.aten.view.default:
            node.target = torch.Tensor.reshape  # the cache lies otherwise in memory, see with_room
        elif node.target in _COPIES:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
        elif isinstance(node.target, torch._ops.OpOverload) and _depends_on_size(node):
            node.target = _python_function(node.target)
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _depends_on_size(node: fx.Node) -> bool:
    return any(isinstance(source.meta.get("val"), torch.SymInt) for source in node.all_input_nodes)


def _python_function(operation: Any) -> Callable[..., Any]:
    """Return torch's Python function for an operation: unlike the operation it takes sizes that are being traced."""
    name = operation._schema.name.removeprefix("aten::")
    if name == "slice":
        return _slice
    function = getattr(torch.Tensor, name, None) or getattr(torch, name, None)
    if function is None:
        raise ValueError(f"{name} of a size cannot be followed")
    return function


def _one_longer(cached: torch.Tensor) -> Any:
    return cached.shape[2] + 1


def _append(cached: torch.Tensor, new: torch.Tensor, n_heads: int, length: Any, width: int) -> torch.Tensor:
    """Write `new` behind `cached`, in the room that with_room has left: concatenating would copy all of it."""
    longer = cached.as_strided((1, n_heads, length, width), cached.stride())
    longer.narrow(2, -1, 1).copy_(new)
    return longer


def _addmm(bias: torch.Tensor, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return nn.functional.linear(x, weight.t(), bias)


def _slice(x: torch.Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> torch.Tensor:
    return x[(slice(None),) * (dim % x.dim()) + (slice(start, end, step),)]


def _gives_the_same(model: Any, step: ModelStep) -> bool:
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or max(_CHECKED_LENGTHS) + 8
    for length in _CHECKED_LENGTHS:
        if length + _CHECKED_STEPS > context:
            break
        ids = [(3 + 5 * at) % model.get_input_embeddings().num_embeddings for at in range(length + _CHECKED_STEPS)]
        expected = tensors_of(_read(model, ids[:length]))
        tensors = with_room(expected, _CHECKED_STEPS)
        for id in ids[length:]:
            next_id = torch.tensor([[id]])
            logits, *tensors = step(next_id, *tensors)
            expected_logits, *expected = _step_of(model)(next_id, *expected)
            if not all(map(torch.equal, (logits, *tensors), (expected_logits, *expected))):
                _log.info("%s is not traced: its numbers would differ", type(model).__name__)
                return False
    return True
