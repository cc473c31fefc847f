"""One pass through a model, of which every module's input and output is kept, and when attention was computed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import nn
from torch.overrides import TorchFunctionMode

from playground.models.hooks import hidden_output, hooked

_SOFTMAXES = (torch.softmax, torch.Tensor.softmax, nn.functional.softmax)


@dataclass(frozen=True, eq=False)
class ModuleCall:
    """One call of a module; `began` and `ended` count all that happened."""

    module: nn.Module
    began: int
    ended: int
    given: Any
    returned: Any  # as it was returned
    output: Any  # of several things the first


@dataclass(frozen=True, eq=False)
class AttentionEvent:
    """A softmax of scores, or torch's fused attention, within a module."""

    module: nn.Module  # the innermost
    at: int
    n_heads: int
    n_keys: int


@dataclass(eq=False)
class Watch:
    """What happened in one pass, in its order."""

    calls: list[ModuleCall] = field(default_factory=list)
    events: list[AttentionEvent] = field(default_factory=list)
    logits: Float[torch.Tensor, "1 token vocabulary"] | None = None
    _clock: int = 0
    _open: list[tuple[nn.Module, int, Any]] = field(default_factory=list)

    def tick(self) -> int:
        self._clock += 1
        return self._clock

    def enter(self, module: nn.Module, given: Any) -> None:
        self._open.append((module, self.tick(), given))

    def leave(self, returned: Any) -> None:
        module, began, given = self._open.pop()
        output = hidden_output(returned)
        output = output.clone() if isinstance(output, torch.Tensor) else output  # Falcon adds to it in place
        self.calls.append(ModuleCall(module, began, self.tick(), given, returned, output))

    def see(self, n_heads: int, n_keys: int) -> None:
        if self._open:
            self.events.append(AttentionEvent(self._open[-1][0], self.tick(), n_heads, n_keys))

    def of(self, module: nn.Module) -> list[ModuleCall]:
        """Return the calls of a module."""
        return [call for call in self.calls if call.module is module]

    def within(self, outer: ModuleCall) -> list[ModuleCall]:
        """Return the calls within a call, in the order in which they ended."""
        return [call for call in self.calls if outer.began < call.began and call.ended < outer.ended]


class _AttentionSeen(TorchFunctionMode):
    """Tells of each softmax over four axes, and of torch's fused attention."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if func is nn.functional.scaled_dot_product_attention:
            query, key = args[:2] if len(args) > 1 else (kwargs["query"], kwargs["key"])
            self._watch.see(query.shape[1], key.shape[2])
        elif func in _SOFTMAXES and output.dim() == 4:
            self._watch.see(output.shape[1], output.shape[3])
        return output


def watch(model: nn.Module, root: nn.Module, run: Callable[[Any], Any]) -> Watch:
    """Run a copy of the model by `run` and return what happened in `root`, by the modules of the model itself."""
    seen = Watch()
    with hooked(model) as hooks, torch.inference_mode():
        for module in root.modules():
            hooks.watch(module, seen.enter, seen.leave)
        with _AttentionSeen(seen):
            seen.logits = run(hooks.model).logits
    return seen
