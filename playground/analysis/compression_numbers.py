"""Weights in fewer bits: other floating-point numbers, and integers with a scale."""

from typing import Any

import torch
from jaxtyping import Float, Float32, Int, UInt8
from torch import nn
from torch.nn import functional as F

from playground.analysis.compression_copy import Matrix, ModelCopy, matrices_of
from playground.models.loading import LoadedModel
from playground.records import GROUPS, Compression, PlaygroundError

INT8, INT4 = 127, 7  # symmetric: as far below zero as above
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def cast(loaded: LoadedModel, dtype: torch.dtype) -> LoadedModel:
    """Return a copy in another floating-point type; what is not saved with it (angles of positions) stays precise."""
    made = ModelCopy(loaded)

    def changed(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point() or tensor.dtype == dtype:
            return tensor
        other = tensor.detach().to(dtype)
        return nn.Parameter(other, requires_grad=False) if isinstance(tensor, nn.Parameter) else other

    made.replace_tensors(changed)
    return made.as_loaded()


def quantize(loaded: LoadedModel, compression: Compression) -> LoadedModel:
    """Return a copy whose matrices are integers. Raises PlaygroundError where it has no matrices of its own."""
    if compression.method == "int4" and compression.group not in GROUPS:
        raise PlaygroundError(f"A group has {', '.join(map(str, GROUPS))} weights, not {str(compression.group)[:20]}.")
    made = ModelCopy(loaded)
    matrices = matrices_of(made.model)
    if not matrices:
        raise PlaygroundError(f"{loaded.spec.architecture} has no matrices that could be kept as integers.")
    for matrix in matrices:
        if compression.method == "int4":
            kept: Quantized = Int4(matrix, compression.group)
        else:
            kept = Int8(matrix, quantizes_input=compression.method == "int8-dynamic")
        matrix.parent._modules[matrix.name] = kept
    return made.as_loaded()


class Quantized(nn.Module):
    """A matrix of integers with scales."""

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        self.out_features, self.in_features = matrix.weight.shape
        self.bias = matrix.module.bias
        self.dtype = matrix.weight.dtype
        self.eval()


class Int8(Quantized):
    """Eight bits a weight, one scale for each output: weight = scale x code.

    quantizes_input: what it is given becomes integers too, with a scale for each token (LLM.int8(), Dettmers et al.
    2022, arXiv 2208.07339, without its treatment of outliers).
    """

    codes: Int[torch.Tensor, "d_out d_in"]  # int8
    scales: Float32[torch.Tensor, "d_out 1"]

    def __init__(self, matrix: Matrix, *, quantizes_input: bool = False) -> None:
        super().__init__(matrix)
        self.quantizes_input = quantizes_input
        codes, scales = to_codes(matrix.weight, INT8)
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)

    @property
    def weight(self) -> Float[torch.Tensor, "d_out d_in"]:
        """The matrix that is computed with."""
        return (self.codes * self.scales).to(self.dtype)

    def forward(self, states: Float[torch.Tensor, "*row d_in"]) -> Float[torch.Tensor, "*row d_out"]:
        """Multiply."""
        given, scales = states.float(), self.scales[:, 0]
        if self.quantizes_input:
            codes, sizes = to_codes(given, INT8)
            # float32 holds sums of such integers exactly, up to 1040 of them; faster here than torch's integer product
            product = F.linear(codes.float(), self.codes.float()) * sizes * scales
        else:
            product = F.linear(given, self.codes.float()) * scales
        return (product if self.bias is None else product + self.bias).to(states.dtype)


class Int4(Quantized):
    """Four bits a weight, two weights a byte, one scale for each group of a row."""

    packed: UInt8[torch.Tensor, "d_out byte"]
    scales: Float[torch.Tensor, "d_out group 1"]

    def __init__(self, matrix: Matrix, group: int) -> None:
        super().__init__(matrix)
        filled = F.pad(matrix.weight.float(), (0, -self.in_features % group))
        codes, scales = to_codes(filled.unflatten(1, (-1, group)), INT4)
        self.register_buffer("packed", pack(codes.flatten(1)))
        self.register_buffer("scales", scales.half() if _fits_half(scales) else scales)

    @property
    def weight(self) -> Float[torch.Tensor, "d_out d_in"]:
        """The matrix that is computed with."""
        codes = unpack(self.packed).unflatten(1, (self.scales.shape[1], -1))
        return (codes * self.scales.float()).flatten(1)[:, : self.in_features].to(self.dtype)

    def forward(self, states: Float[torch.Tensor, "*row d_in"]) -> Float[torch.Tensor, "*row d_out"]:
        """Multiply by the matrix, turned back into floating-point numbers."""
        return F.linear(states, self.weight.to(states.dtype), self.bias)


def to_codes(
    weights: Float[torch.Tensor, "*row weight"], most: int
) -> tuple[Int[torch.Tensor, "*row weight"], Float32[torch.Tensor, "*row 1"]]:
    """Return the nearest whole numbers from -most to most, as int8, and the scale of each row, along the last axis.

    No number is off by more than half a scale.
    """
    scales = weights.float().abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / most
    return (weights.float() / scales).round().clamp(-most, most).to(torch.int8), scales


def pack(codes: Int[torch.Tensor, "row code"]) -> UInt8[torch.Tensor, "row byte"]:
    """Return two codes from -7 to 7 a byte, the first in the lower half."""
    halves = (codes + 8).to(torch.uint8)
    return halves[:, ::2] | (halves[:, 1::2] << 4)


def unpack(packed: UInt8[torch.Tensor, "row byte"]) -> Int[torch.Tensor, "row code"]:
    """Return what `pack` was given, as int8."""
    return torch.stack([packed & 15, packed >> 4], dim=-1).flatten(1).to(torch.int8) - 8


def _fits_half(scales: Float32[torch.Tensor, "d_out group 1"]) -> bool:
    """Return whether scales keep three digits in 16 bits."""
    limits: Any = torch.finfo(torch.float16)
    return bool((scales >= limits.tiny).all() and (scales <= limits.max).all())
