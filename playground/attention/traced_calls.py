"""A followed way from q . k to the weights, as the attention call that it amounts to."""

import torch
from jaxtyping import Bool, Float32, Shaped

from playground.attention.interface import AttentionCall
from playground.attention.trace import Operation, Trace

_HIDING = -5e3  # what is added to hide a key: -10,000 in the oldest families, the lowest number in others
_MASKING = {"masked_fill", "where", "max", "maximum", "clamp", "clamp_min"}
_SAME = {
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone", "detach", "expand"),
    *("to", "type", "type_as", "float", "half", "bfloat16", "dropout"),
}


def call_of(trace: Trace) -> AttentionCall:
    """Return the call of which compute_weights makes what the model made. Raises LookupError where there is none.

    One place that adds to a score and hides it at once would hide what it adds, so that is refused.
    """
    product = trace.scores.product
    if trace.module is None or trace.value is None or trace.output is None:
        raise LookupError("The values could not be followed.")
    reading = _Reading(trace)
    for operation in trace.scores.operations:
        reading.take(operation)
    if bool((reading.touched & ~reading.hidden).any()):
        raise LookupError("The scores are changed in a way that is not known here.")
    return AttentionCall(
        module=trace.module,
        query=product.query[None],
        key=product.key[None],
        value=trace.value[None],
        mask=_same_rows(~reading.hidden)[None] if bool(reading.hidden.any()) else None,
        scaling=reading.scaling,
        is_causal=False,
        softcap=None,
        sinks=None,
        position_bias=_same_rows(reading.bias, queries=True)[None] if bool(reading.bias.any()) else None,
        output=trace.output.transpose(0, 1)[None],
    )


class _Reading:
    """What has become of the scores so far: scaling * q . k + bias, some of them hidden."""

    def __init__(self, trace: Trace) -> None:
        product = trace.scores.product
        n_heads, n_queries, _ = product.query.shape
        self._shape = (n_heads, n_queries, product.key.shape[1])
        self.scaling = product.scaling
        self.bias: Float32[torch.Tensor, "head query key"] = product.query.new_zeros(self._shape, dtype=torch.float32)
        self.hidden: Bool[torch.Tensor, "head query key"] = torch.zeros_like(self.bias, dtype=torch.bool)
        self.touched = torch.zeros_like(self.hidden)  # changed in a way that only a hidden score may be
        if product.added is not None:
            self._add(product.added)
        # Carried along, since what is done may depend on the numbers, as a maximum does
        keys = product.key.repeat_interleave(n_heads // product.key.shape[0], dim=0)
        scores = (product.query @ keys.transpose(-1, -2)) * self.scaling + self.bias
        self._scores = scores.to(product.query.dtype).reshape(product.shape)

    def take(self, operation: Operation) -> None:
        """Follow the scores through one operation."""
        before, self._scores = self._scores, operation.apply(self._scores)
        factor = _factor(operation)
        if factor is not None:
            self.scaling *= factor
            self.bias *= factor
        elif operation.name in ("add", "sub") and isinstance(operation.other, int | float | torch.Tensor):
            added = torch.as_tensor(operation.other, device=before.device).expand(before.shape)
            if operation.name == "sub" and not operation.is_first:
                raise LookupError("The scores are taken from something.")
            self._add(added if operation.name == "add" else -added)
        elif operation.name in _MASKING:
            self._mark(before, lowest=_HIDING)
        elif operation.name == "mul":  # a mask of 0 and 1; what it made 0 is hidden by what comes next
            self._mark(before)
        elif operation.name not in _SAME:
            raise LookupError(f"The scores go through {operation.name}, which is not known here.")

    def _add(self, added: torch.Tensor) -> None:
        added = added.float().expand(self._scores_shape(added)).reshape(self._shape)
        hiding = added < _HIDING
        self.hidden |= hiding
        self.bias += added.masked_fill(hiding, 0.0)
        if bool(hiding.any()) and bool(added.masked_fill(hiding, 0.0).any()):
            raise LookupError("Masks and position biases are one and the same.")

    def _scores_shape(self, added: torch.Tensor) -> tuple[int, ...]:
        return self._shape if added.dim() == 3 else tuple(added.shape)

    def _mark(self, before: torch.Tensor, lowest: float = -torch.inf) -> None:
        """Note which scores an operation changed: those that are lowest now are hidden."""
        changed = (self._scores != before).reshape(self._shape)
        hides = changed & (self._scores <= lowest).reshape(self._shape)
        self.hidden |= hides
        self.touched |= changed & ~hides


def _factor(operation: Operation) -> float | None:
    """Return the number that all scores are multiplied by; None where the operation does something else."""
    other = operation.other
    if isinstance(other, torch.Tensor) and other.numel() == 1:
        other = float(other)
    if not isinstance(other, int | float):
        return None
    if operation.name == "mul":
        return float(other)
    return 1.0 / other if operation.name in ("div", "truediv", "true_divide") and operation.is_first else None


def _same_rows(
    table: Shaped[torch.Tensor, "head query key"], *, queries: bool = False
) -> Shaped[torch.Tensor, "#head #query key"]:
    """Return a table with one row where all heads, and with `queries` all queries, are alike."""
    for axis in (0, 1) if queries else (0,):
        first = table.narrow(axis, 0, 1)
        if torch.equal(first.expand_as(table), table):
            table = first.clone()
    return table
