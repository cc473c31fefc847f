"""Muon: momentum whose matrices are made orthogonal before they are applied (Jordan et al. 2024).

Takes fewer tokens than AdamW to the same loss. PyTorch's own runs its Newton-Schulz steps in bfloat16 and one
matrix at a time; here they run in bfloat16 only where that is faster (a third of the time on a CPU with tiles), and on
all matrices of a shape at once, which on a CPU without tiles makes a training step a sixth faster.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from gradients import multiplies_bfloat16

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return matrices of the same shape [n, rows, columns] with singular values near 1 (Newton-Schulz)."""
    a, b, c = COEFFICIENTS
    flip = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if flip else matrices
    if multiplies_bfloat16(matrices.device.type):
        x = x.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if flip else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized and scaled to the size of AdamW's steps (Liu et al. 2025)."""

    def __init__(
        self, matrices: Iterable[torch.Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.1
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for matrix in group["params"]:
                by_shape[tuple(matrix.shape)].append(matrix)
            for (rows, columns), matrices in by_shape.items():
                updates = []
                for matrix in matrices:
                    average = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                    average.lerp_(matrix.grad, 1 - group["momentum"])
                    updates.append(matrix.grad.lerp(average, group["momentum"]))
                scale = 0.2 * max(rows, columns) ** 0.5
                for matrix, update in zip(matrices, orthogonalize(torch.stack(updates)), strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(update, alpha=-group["lr"] * scale)
