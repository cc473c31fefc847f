"""A copy of a model that shares all its weights until some are replaced, its matrices, and what it takes."""

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from playground.models.hooks import Hooks
from playground.models.loading import LoadedModel
from playground.models.spec import read_spec
from playground.records import PlaygroundError

_SAFETENSORS_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


class ModelCopy:
    """A model's modules once more, with configurations of their own. The model itself is never written to.

    A replaced weight is replaced wherever it is used, so that what was tied stays tied.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        if any(tensor.device != loaded.model.device for tensor in loaded.model.parameters()):
            raise PlaygroundError(
                f"{loaded.spec.name} is spread over several devices, and is not compressed there: take a smaller model."
            )
        self.loaded = loaded
        self.hooks = Hooks(loaded.model)
        self.model: Any = self.hooks.model
        configs: dict[int, Any] = {}  # a model and its parts may have one configuration in common
        for module in self.model.modules():
            if "config" in vars(module):
                module.__dict__["config"] = copy.deepcopy(module.config, configs)

    def twin(self, module: nn.Module) -> Any:
        """Return the copy of a module of the model."""
        return self.hooks.twin(module)

    def replace_tensors(self, change: Any, *, persistent_only: bool = True) -> None:
        """Put `change(tensor)` in the place of each parameter and buffer, one that is in several places once."""
        done: dict[int, torch.Tensor] = {}

        def changed(tensor: torch.Tensor) -> torch.Tensor:
            if id(tensor) not in done:
                done[id(tensor)] = change(tensor)
            return done[id(tensor)]

        for module in self.model.modules():
            for name, tensor in list(module._parameters.items()):
                if tensor is not None:
                    module._parameters[name] = changed(tensor)
            for name, tensor in list(module._buffers.items()):
                if tensor is not None and not (persistent_only and name in module._non_persistent_buffers_set):
                    module._buffers[name] = changed(tensor)

    def as_loaded(self) -> LoadedModel:
        """Return the copy in the form in which models are asked."""
        spec = read_spec(self.model, self.loaded.spec.name, self.loaded.spec.kind)
        return replace(self.loaded, model=self.model, spec=spec)


@dataclass(frozen=True, eq=False)
class Matrix:
    """A module that multiplies by a matrix and adds a bias: nn.Linear, GPT-2's Conv1D, and their kin."""

    parent: nn.Module
    name: str
    module: Any
    is_transposed: bool  # kept as (d_in, d_out)

    @property
    def weight(self) -> Float[torch.Tensor, "d_out d_in"]:
        """The matrix."""
        return self.module.weight.detach().T if self.is_transposed else self.module.weight.detach()

    def set_weight(self, weight: Float[torch.Tensor, "d_out d_in"]) -> None:
        """Give the module another matrix."""
        stored = weight.T.contiguous() if self.is_transposed else weight
        self.module._parameters["weight"] = frozen(stored)


def frozen(tensor: torch.Tensor) -> nn.Parameter:
    """Return numbers as a parameter that is not trained."""
    return nn.Parameter(tensor, requires_grad=False)


def matrices_of(model: Any) -> list[Matrix]:
    """Return the matrices of all layers; embeddings, and what makes logits, are left as they are."""
    output, embedded = model.get_output_embeddings(), model.get_input_embeddings()
    kept = {id(getattr(module, "weight", None)) for module in (output, embedded)}
    found: dict[int, Matrix] = {}
    for parent in model.modules():
        for name, module in parent.named_children():
            is_kept = module is output or id(getattr(module, "weight", None)) in kept
            if id(module) not in found and not is_kept and (matrix := as_matrix(parent, name, module)) is not None:
                found[id(module)] = matrix
    return list(found.values())


def as_matrix(parent: nn.Module, name: str, module: Any) -> Matrix | None:
    """Return a module as a matrix, None where it computes something else."""
    if not isinstance(module, nn.Linear | Conv1D) or not module.weight.is_floating_point():
        return None
    matrix = Matrix(parent, name, module, isinstance(module, Conv1D))
    probe = torch.linspace(-1, 1, matrix.weight.shape[1], device=module.weight.device).to(module.weight.dtype)
    with torch.inference_mode():
        given = module(probe[None])
        expected = F.linear(probe[None], matrix.weight, module.bias)
    is_same = isinstance(given, torch.Tensor) and torch.allclose(given, expected, rtol=1e-2, atol=1e-2, equal_nan=True)
    return matrix if is_same else None


def disk_bytes(model: nn.Module) -> int:
    """Return how long a safetensors file of a model's weights would be; those in several places are written once."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, tensor in _written(model):
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _SAFETENSORS_NAMES.get(tensor.dtype, "F32"),
            "shape": list(tensor.shape),
            "data_offsets": [place, place + size],
        }
        place += size
    n_header = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return 8 + math.ceil(n_header / 8) * 8 + place  # the header is filled up with spaces


def count_zeros(model: nn.Module) -> tuple[int, int, int]:
    """Return how many numbers a model has, how many are zero, and what those that are zero would save on disk.

    The saving is that of keeping a bit a weight, and only those weights that are not zero, where that is less.
    """
    n_weights = n_zero = saved = 0
    for _, tensor in _written(model):
        zero = tensor.numel() - int(torch.count_nonzero(tensor))
        n_weights += tensor.numel()
        n_zero += zero
        saved += max(0, zero * tensor.element_size() - math.ceil(tensor.numel() / 8))
    return n_weights, n_zero, saved


def _written(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Return what would be written, in the order of safetensors: wide numbers first, then by name."""
    seen: set[tuple[int, torch.Size]] = set()
    unique = []
    for name, tensor in model.state_dict().items():
        if (key := (tensor.data_ptr(), tensor.shape)) not in seen:
            seen.add(key)
            unique.append((name, tensor))
    return iter(sorted(unique, key=lambda item: (-item[1].element_size(), item[0])))
