"""Products of two tensors, in the ways in which models write them: q . k, and weights times values."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Product:
    """Queries times keys: scaling * q . k + added."""

    query: Float[torch.Tensor, "query_head query d_head"]
    key: Float[torch.Tensor, "key_head key d_head"]
    shape: torch.Size  # of the result, as the model has it
    scaling: float = 1.0
    added: Float[torch.Tensor, "#query_head #query key"] | None = None


def read_product(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: torch.Tensor) -> Product | None:
    """Return the two sides of an operation that is a product of two tensors, and what it does besides; else None."""
    match name, args:
        case ("matmul" | "bmm", (torch.Tensor() as one, torch.Tensor() as other)) if min(one.dim(), other.dim()) >= 3:
            return Product(_flat(one), _flat(other.transpose(-1, -2)), result.shape)
        case "baddbmm", (torch.Tensor() as added, *factors):
            one, other = factors or (kwargs.get("batch1"), kwargs.get("batch2"))
            beta, alpha = kwargs.get("beta", 1), kwargs.get("alpha", 1)
            if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
                return None
            added = added if beta == 1 else added * beta
            return Product(one, other.transpose(-1, -2), result.shape, float(alpha), added)
        case "einsum", (str() as equation, torch.Tensor() as one, torch.Tensor() as other) if result.dim() >= 3:
            return _read_einsum(equation, one, other, result.shape)
    return None


def _read_einsum(equation: str, one: torch.Tensor, other: torch.Tensor, shape: torch.Size) -> Product | None:
    sides = _read_equation(equation)
    if sides is None:
        return None
    left, right, out = sides
    summed = [letter for letter in left if letter in right and letter not in out]
    if len(summed) != 1 or out[-2] not in left or out[-1] not in right:
        return None
    query, key = (
        _in_order(tensor, letters, [*(letter for letter in out[:-2] if letter in letters), token, *summed])
        for tensor, letters, token in ((one, left, out[-2]), (other, right, out[-1]))
    )
    return None if query is None or key is None else Product(query, key, shape)


def value_and_output(
    name: str, args: tuple[Any, ...], weights: torch.Tensor, result: torch.Tensor
) -> tuple[
    Float[torch.Tensor, "value_head key d_value"] | None, Float[torch.Tensor, "query_head query d_value"] | None
]:
    """Return the values, and weights times values, of such a product.

    Both are None where the operation is no product of weights and values.
    """
    match name, args:
        case "matmul" | "bmm", (one, torch.Tensor() as values) if one is weights:
            return _flat(values), _flat(result)
        case "einsum", (str() as equation, one, torch.Tensor() as values) if one is weights:
            sides = _read_equation(equation)
            if sides is None:
                return None, None
            of_weights, of_values, out = sides
            query, key, rest = of_weights[-2], of_weights[-1], of_weights[:-2]
            size = [letter for letter in of_values if letter not in of_weights]
            if len(size) != 1 or key not in of_values:
                return None, None
            heads = [letter for letter in rest if letter in of_values]
            return (
                _in_order(values, of_values, [*heads, key, *size]),
                _in_order(result, out, [*(letter for letter in rest if letter in out), query, *size]),
            )
    return None, None


def _flat(states: torch.Tensor) -> torch.Tensor:
    """Return (..., head, token, size) as (head, token, size): the batch is of one text."""
    return states.flatten(0, -3) if states.dim() > 3 else states


def _read_equation(equation: str) -> tuple[str, str, str] | None:
    """Return the letters of both sides and of the result; None where some stand for any number of axes."""
    inputs, _, out = equation.replace(" ", "").partition("->")
    sides = inputs.split(",")
    return (sides[0], sides[1], out) if len(sides) == 2 and len(out) >= 3 and "." not in equation else None


def _in_order(tensor: torch.Tensor, letters: str, wanted: list[str]) -> torch.Tensor | None:
    if sorted(letters) != sorted(wanted):
        return None
    return _flat(tensor.permute([letters.index(letter) for letter in wanted]))
