"""What the training programs of the bundled models share: learning rates, checkpoints, and how weights are shipped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast


def trapezoid(step: int, n_steps: int, n_warmup: int, decay_part: float) -> float:
    """Return what part of the learning rate a step has: a rise, a plain, a fall to zero (Hägele et al. 2024).

    decay_part: the last part of the steps, in which it falls
    """
    return min(1.0, (step + 1) / n_warmup, (n_steps - step) / (n_steps * decay_part))


def set_learning_rates(optimizers: Sequence[torch.optim.Optimizer], rates: Sequence[float], factor: float) -> None:
    """Give each optimizer its own rate times `factor`."""
    for optimizer, rate in zip(optimizers, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * factor


class Checkpoint:
    """The state of a run in one folder, replaced as a whole so that a crash leaves the last good one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "checkpoint.pt"
        folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> dict[str, Any] | None:
        """Return the state, None where nothing was saved yet."""
        return torch.load(self.path, weights_only=True) if self.path.exists() else None

    def save(
        self, model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer], progress: dict[str, object]
    ) -> None:
        """Write model, optimizers and how far the run is."""
        states = [optimizer.state_dict() for optimizer in optimizers]
        half = self.path.with_suffix(".half")
        torch.save({"model": model.state_dict(), "optimizers": states, **progress}, half)
        half.replace(self.path)

    @staticmethod
    def restore(
        state: dict[str, Any], model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer]
    ) -> tuple[int, list[dict[str, float]], float]:
        """Put a state into model and optimizers; return the step to go on with, the curve and the seconds so far."""
        model.load_state_dict(state["model"])
        for optimizer, optimizer_state in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(optimizer_state)
        return state["step"], state["curve"], state["seconds"]


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write bfloat16 safetensors in shards below 10 MB, and the tokenizer."""
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="9MB")
    tokenizer.save_pretrained(folder)
