"""Gradient steps of a copy of a model on a text: AdamW on the cross-entropy, as it goes."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from playground.analysis.token_loss import not_a_number
from playground.analysis.training_copy import copy_model, not_enough_memory
from playground.analysis.training_text import Example, batch_of, loss_of, read_examples, working_bytes
from playground.models.loading import LoadedModel
from playground.models.memory import free_memory_bytes, is_memory_error
from playground.records import (
    PlaygroundError,
    TextIds,
    TrainedLoss,
    Training,
    TrainingPlan,
    TrainingSettings,
    TrainingState,
)
from playground.records.sizes import say_bytes

_EVALUATED = 8  # sequences at a time
_LAYER = re.compile(r"\.(\d+)\.")
_ADAPTER = re.compile(r"\.lora_\w+\.default|\.base_layer")


class _NotFiniteError(Exception):
    """What a model computes is not a number any more."""


@dataclass(eq=False)
class Trainee:
    """A copy of a model, and all that is needed to train it further. One training at a time holds `lock`."""

    loaded: LoadedModel
    plan: TrainingPlan
    weights: dict[str, torch.nn.Parameter]  # that are trained, by their names
    optimizer: torch.optim.Optimizer
    before: list[torch.Tensor] | None = None  # the weights before the last step, to go back to
    losses: list[float] = field(default_factory=list)  # of each step
    norms: list[float] = field(default_factory=list)
    part_norms: dict[str, float] = field(default_factory=dict)  # of the last step
    lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, examples: Sequence[Example], learning_rate: float) -> None:
        """Take one step. Raises _NotFiniteError, and takes none, where loss or gradient are not finite."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        with torch.inference_mode(mode=False), torch.enable_grad():
            total, n_predicted = loss_of(self.loaded, examples, seed=len(self.losses))
            loss = total / n_predicted
            loss.backward()
        part_norms = self._part_norms()
        norm = float(np.sqrt(sum(value**2 for value in part_norms.values())))
        if not np.isfinite(float(loss.detach())) or not np.isfinite(norm):
            raise _NotFiniteError
        self.keep()
        self.optimizer.step()
        self.losses.append(float(loss.detach()))
        self.norms.append(norm)
        self.part_norms = part_norms

    @torch.no_grad()
    def keep(self) -> None:
        """Keep the weights as they are before a step."""
        if self.before is None:
            self.before = [weight.detach().clone() for weight in self.weights.values()]
            return
        for kept, weight in zip(self.before, self.weights.values(), strict=True):
            kept.copy_(weight)

    @torch.no_grad()
    def go_back(self) -> None:
        """Undo the last step; AdamW begins with new moments."""
        assert self.before is not None
        for kept, weight in zip(self.before, self.weights.values(), strict=True):
            weight.copy_(kept)
        self.losses.pop()
        self.norms.pop()
        self.before, self.optimizer = None, _optimizer(self.weights)

    def _part_norms(self) -> dict[str, float]:
        """Return the length of the gradient of each part of the model, in the order of its parameters."""
        squares: dict[str, float] = {}
        for name, weight in self.weights.items():
            part = part_of(name, has_sides=self.loaded.spec.kind == "encoder-decoder")
            square = 0.0 if weight.grad is None else float(weight.grad.detach().double().pow(2).sum())
            squares[part] = squares.get(part, 0.0) + square
        return {part: float(np.sqrt(square)) for part, square in squares.items()}


def new_trainee(loaded: LoadedModel, plan: TrainingPlan) -> Trainee:
    """Return a copy of a model that has not been trained yet. Raises PlaygroundError as copy_model does."""
    copied = copy_model(loaded, plan)
    weights = {name: weight for name, weight in copied.model.named_parameters() if weight.requires_grad}
    return Trainee(copied, plan, weights, _optimizer(weights))


def train(
    trainee: Trainee, text: str | TextIds, settings: TrainingSettings, cancel: threading.Event
) -> Iterator[Training]:
    """Train a copy further, and yield how far it is after each step; the last says how it ended.

    Dropout is off, so that the same text gives the same numbers. Setting `cancel`, or closing the generator, ends it
    within one step. Where the loss is not a number any more, the last step is undone. Raises PlaygroundError where the
    text cannot be trained on, memory is short, or the model gives no numbers to begin with.
    """
    if not trainee.lock.acquire(blocking=False):
        raise PlaygroundError("This copy is being trained at this moment: wait until it is done, or stop it.")
    try:
        examples = read_examples(trainee.loaded, text, settings.sequence_length)
        _check_room(trainee.loaded, batch_of(examples, 0, settings.batch_size))
        yield from _steps(trainee, examples, settings, cancel)
    except (RuntimeError, ValueError, TypeError, LookupError, MemoryError) as error:  # each family in its own way
        raise _explained(trainee.loaded, error) from error
    finally:
        trainee.optimizer.zero_grad(set_to_none=True)
        trainee.lock.release()


def text_loss(loaded: LoadedModel, text: str | TextIds, sequence_length: int) -> TrainedLoss:
    """Return the mean loss of a whole text, cut as a training with sequences of this length cuts it.

    Raises PlaygroundError where it cannot be trained on, and where the loss is not a number.
    """
    examples = read_examples(loaded, text, sequence_length)
    total, n_predicted = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(examples), _EVALUATED):
            part, n = loss_of(loaded, examples[start : start + _EVALUATED])
            total, n_predicted = total + float(part), n_predicted + n
    if not np.isfinite(total):
        raise not_a_number(loaded)
    return TrainedLoss(total / n_predicted, n_predicted)


def part_of(name: str, *, has_sides: bool) -> str:
    """Return the part of a model that a parameter belongs to: its layer, else the module's own name."""
    name = _ADAPTER.sub("", name)
    sides = [side for side in ("encoder", "decoder") if f".{side}." in f".{name}"] if has_sides else []
    layer = _LAYER.search(name)
    path = name.split(".")
    part = f"layer {layer[1]}" if layer else path[-2] if len(path) > 1 else path[0]
    return " ".join([*sides[:1], part])


def _steps(
    trainee: Trainee, examples: Sequence[Example], settings: TrainingSettings, cancel: threading.Event
) -> Iterator[Training]:
    started, n_wanted = time.perf_counter(), len(trainee.losses) + settings.n_steps

    def told(state: TrainingState, loss_after: float = float("nan")) -> Training:
        return Training(
            state=state,
            n_wanted=n_wanted,
            losses_nats=np.array(trainee.losses, np.float32),
            gradient_norms=np.array(trainee.norms, np.float32),
            parts=tuple(trainee.part_norms),
            part_norms=np.array(list(trainee.part_norms.values()), np.float32),
            loss_after_nats=loss_after,
            n_sequences=len(examples),
            n_tokens=sum(len(example.ids) + len(example.target_ids) for example in examples),
            duration_s=time.perf_counter() - started,
        )

    batch: list[Example] = []
    try:
        while len(trainee.losses) < n_wanted and not cancel.is_set():
            batch = batch_of(examples, len(trainee.losses), settings.batch_size)
            trainee.step(batch, settings.learning_rate)
            yield told("running")
        yield told("stopped" if cancel.is_set() else "done", _loss_now(trainee, batch))
    except _NotFiniteError:
        if trainee.before is None:  # before any step was taken
            raise not_a_number(trainee.loaded) from None
        if not np.isfinite(_loss_or_nan(trainee, batch)):
            trainee.go_back()
        yield told("diverged")


def _loss_now(trainee: Trainee, batch: Sequence[Example]) -> float:
    """Return the loss of the last step's sequences after it. Raises _NotFiniteError where that is not a number."""
    if not batch:
        return float("nan")
    if not np.isfinite(loss := _loss_or_nan(trainee, batch)):
        raise _NotFiniteError
    return loss


@torch.inference_mode()
def _loss_or_nan(trainee: Trainee, batch: Sequence[Example]) -> float:
    total, n_predicted = loss_of(trainee.loaded, batch, seed=max(0, len(trainee.losses) - 1))
    return float(total) / n_predicted


def _optimizer(weights: dict[str, torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(weights.values())


def _check_room(loaded: LoadedModel, batch: Sequence[Example]) -> None:
    length = max(len(example.ids) + len(example.target_ids) for example in batch)
    needed, free = working_bytes(loaded, len(batch), length), free_memory_bytes(loaded.model.device)
    if needed > free:
        raise PlaygroundError(
            f"A step on {len(batch)} sequences of {length} tokens needs about {say_bytes(needed)} of memory, and "
            f"{say_bytes(free)} are free: take smaller batches or shorter sequences."
        )


def _explained(loaded: LoadedModel, error: Exception) -> PlaygroundError:
    if is_memory_error(error):
        return not_enough_memory(loaded)
    said = " ".join(str(error).split())[:200]
    return PlaygroundError(f"{loaded.spec.name} ({loaded.spec.architecture}) cannot be trained here: {said}")
