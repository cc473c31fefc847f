"""Hooks that nobody else runs into: they are set in a copy of the model's modules, which shares all its weights.

The model itself is never touched. So nothing can stay behind in it after a run, an error or a stop, and a visitor who
runs it at the same moment notices nothing. A copy costs a few hundred small Python objects and no numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.activations import NewGELUActivation

Change = Callable[[torch.Tensor], torch.Tensor | None]  # returns what to go on with, None to leave it as it is

_OWN_TABLES = ("_modules", "_parameters", "_buffers", "_non_persistent_buffers_set")


class Hooks:
    """A copy of a model, and what is to happen in it. The modules that are named are those of the model itself."""

    def __init__(self, model: nn.Module) -> None:
        self._twins: dict[nn.Module, nn.Module] = {}
        self._handles: list[Any] = []
        self.model: Any = _twin(model, self._twins)  # what is to be run

    def twin(self, module: nn.Module) -> nn.Module:
        """Return the copy of a module of the model."""
        return self._twins[module]

    def before(self, module: nn.Module, change: Change) -> None:
        """Give the tensor that a module is called with to `change`, and what that returns to the module."""

        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            changed = change(hidden_input(args, kwargs))
            if changed is None:
                return None
            return ((changed, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": changed})

        self._handles.append(self.twin(module).register_forward_pre_hook(hook, with_kwargs=True))

    def after(self, module: nn.Module, change: Change) -> None:
        """Give what a module returns (of several things the first) to `change`, and what that returns to the model."""

        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            changed = change(hidden_output(output))
            return None if changed is None else as_returned(output, changed)

        self._handles.append(self.twin(module).register_forward_hook(hook))

    def replace(self, module: nn.Module, forward: Callable[..., Any]) -> None:
        """Run `forward` in place of a module's own."""
        self.twin(module).forward = forward

    def fuse(self) -> None:
        """Run activations that are written out in several steps as one: the same but for rounding, in less time."""
        for module, twin in self._twins.items():
            if isinstance(module, NewGELUActivation):
                twin.forward = partial(functional.gelu, approximate="tanh")

    def watch(self, module: nn.Module, enter: Callable[[nn.Module, Any], None], leave: Callable[[Any], None]) -> None:
        """Tell `enter` what a module is called with, and `leave` what it returns, as it is."""

        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            enter(module, hidden_input(args, kwargs))

        def after(_: nn.Module, __: Any, output: Any) -> None:
            leave(output)

        twin = self.twin(module)
        self._handles.append(twin.register_forward_pre_hook(before, with_kwargs=True))
        self._handles.append(twin.register_forward_hook(after))

    def close(self) -> None:
        """Let go of the copy."""
        for handle in self._handles:
            handle.remove()
        self._twins.clear()
        self._handles.clear()
        self.model = None


@contextmanager
def hooked(model: nn.Module) -> Iterator[Hooks]:
    """Give a copy of the model to set hooks in; it is let go of at the end, however that comes about."""
    hooks = Hooks(model)
    try:
        yield hooks
    finally:
        hooks.close()


def hidden_input(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the first thing that a module is called with."""
    return args[0] if args else kwargs.get("hidden_states")


def hidden_output(output: Any) -> Any:
    """Return what a module returns, of several things the first."""
    return output[0] if isinstance(output, tuple | list) and output else output


def as_returned(output: Any, hidden: torch.Tensor) -> Any:
    """Return `hidden` in the form of `output`, which a module has returned."""
    return (hidden, *output[1:]) if isinstance(output, tuple | list) else hidden


def _twin(module: nn.Module, twins: dict[nn.Module, nn.Module]) -> nn.Module:
    """Return a copy of a module and of all within it; parameters and buffers are the very same tensors."""
    if module in twins:  # some are in the tree more than once
        return twins[module]
    twin = module.__class__.__new__(module.__class__)
    twins[module] = twin
    for name, value in vars(module).items():
        is_table = name in _OWN_TABLES or name.endswith(("_hooks", "_hooks_with_kwargs", "_hooks_always_called"))
        twin.__dict__[name] = value.copy() if is_table and value is not None else value
    for name, child in module._modules.items():
        twin._modules[name] = None if child is None else _twin(child, twins)
    return twin
