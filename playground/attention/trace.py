"""How weights came about in a model that computes them in its own code: its operations on the scores, followed.

A product of two tensors as large as the scores may be q . k; what is done to it until the softmax is kept as a list of
operations with what they add, multiply or hide. From that list the scaling, the position bias and the mask are read.
Nothing is taken on trust: who asks compares the weights that come of it with the model's own.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from playground.attention.product import Product, read_product, value_and_output

_FOLLOWED = object()  # stands in a list of arguments where the scores were


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation on the scores; `args` and `kwargs` have _FOLLOWED in place of them."""

    name: str  # without the marks of "in place" and "from the right": add, mul, div, masked_fill, ...
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def apply(self, scores: torch.Tensor) -> torch.Tensor:
        """Do the same to other scores of the same shape, and leave those as they are."""
        scores = scores.clone()  # it may work in place
        args = [scores if given is _FOLLOWED else given for given in self.args]
        kwargs = {name: scores if given is _FOLLOWED else given for name, given in self.kwargs.items()}
        return self.function(*args, **kwargs)

    @property
    def other(self) -> Any:
        """The one operand beside the scores, or None where there is not one."""
        rest = [given for given in (*self.args, *self.kwargs.values()) if given is not _FOLLOWED]
        return rest[0] if len(rest) == 1 else None

    @property
    def is_first(self) -> bool:
        """Whether the scores are the left operand."""
        return bool(self.args) and self.args[0] is _FOLLOWED


@dataclass(frozen=True, eq=False)
class Scores:
    """Where scores come from: a product, and what was done to it since."""

    product: Product
    operations: tuple[Operation, ...] = ()


@dataclass(eq=False)
class Trace:
    """The way of one attention module from q . k to what its heads pass on."""

    scores: Scores
    module: nn.Module | None  # whose code took the softmax
    value: Float[torch.Tensor, "value_head key d_value"] | None = None
    output: Float[torch.Tensor, "query_head query d_value"] | None = None

    def tensors(self) -> Iterator[torch.Tensor]:
        """Yield all tensors that are kept."""
        product = self.scores.product
        states = (product.query, product.key, product.added, self.value, self.output)
        yield from (kept for kept in states if kept is not None)
        for operation in self.scores.operations:
            operands = (*operation.args, *operation.kwargs.values())
            yield from (operand for operand in operands if isinstance(operand, torch.Tensor))


class Tracer(TorchFunctionMode):
    """Follows the scores of every attention module that runs in this context.

    sizes: the numbers of queries and keys that scores may have
    `softmaxes`: what came out of each softmax over four axes
    """

    def __init__(self, sizes: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.softmaxes: list[Float[torch.Tensor, "1 head query key"]] = []
        self._sizes = set(sizes)
        self._scores: WeakIdKeyDictionary = WeakIdKeyDictionary()  # tensor -> Scores
        self._traces: WeakIdKeyDictionary = WeakIdKeyDictionary()  # scores and weights -> Trace

    def trace_of(self, given: Any) -> Trace | None:
        """Return how weights, or the scores that they are the softmax of, came about, where that could be followed."""
        return self._traces.get(given) if isinstance(given, torch.Tensor) else None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if isinstance(result, torch.Tensor) and result.dim() >= 3:
            self._follow(func, args, kwargs, result)
        return result

    def _follow(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: torch.Tensor) -> None:
        name = _plain_name(func)
        given = [one for one in (*args, *kwargs.values()) if isinstance(one, torch.Tensor)]
        weights = next((one for one in given if one in self._traces), None)
        scores = next((one for one in given if one in self._scores), None)
        product = read_product(name, args, kwargs, result)
        if name == "softmax":
            if result.dim() == 4:
                self.softmaxes.append(result)
            if scores is not None:
                trace = Trace(self._scores[scores], _running_module())
                self._traces[scores] = self._traces[result] = trace
        elif weights is not None:
            trace = self._traces[weights]
            value, output = value_and_output(name, args, weights, result)
            if trace.value is None and value is not None and output is not None:
                trace.value, trace.output = value, output.clone()  # some add to it in place
            elif result.numel() == weights.numel():  # dropout, another dtype or shape
                self._traces[result] = trace
        elif product is not None and tuple(result.shape[-2:]) in self._sizes:
            self._scores[result] = Scores(product)
        elif scores is not None and result.numel() == scores.numel() and result.shape[-2:] == scores.shape[-2:]:
            before = self._scores[scores]
            operation = Operation(
                name,
                func,
                tuple(_FOLLOWED if one is scores else one for one in args),
                {key: _FOLLOWED if one is scores else one for key, one in kwargs.items()},
            )
            self._scores[result] = Scores(before.product, (*before.operations, operation))


def _plain_name(func: Any) -> str:
    """Return what an operation does, whether in place, as an operator, or from the right."""
    name = getattr(func, "__name__", "").strip("_")
    in_place = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "truediv"}
    return ({"radd": "add", "rmul": "mul"} | in_place).get(name, name)  # "rsub" is another thing than "sub"


def _running_module() -> nn.Module | None:
    """Return the model's own module whose code is running, past those that only stand for a softmax."""
    frame = inspect.currentframe()
    while frame is not None:
        owner: Any = frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and any(True for _ in owner.parameters()):
            return owner
        frame = frame.f_back
    return None
