"""What the training programs of the bundled models share: arguments, the loop of steps, checkpoints, what is left."""

import argparse
import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerFast

R = TypeVar("R")


def trapezoid(step: int, n_steps: int, n_warmup: int, decay_part: float) -> float:
    """Return what part of the learning rate a step has: a rise, a plain, a fall to zero (Hägele et al. 2024).

    decay_part: the last part of the steps, in which it falls
    """
    return min(1.0, (step + 1) / n_warmup, (n_steps - step) / (n_steps * decay_part))


def trapezoids(
    step: int, ends: Sequence[int], rates: Sequence[float], n_warmup: int, decay_parts: Sequence[float]
) -> float:
    """Return the same of several runs, one behind the other.

    ends: the steps at which they end; a run of no steps is left out
    rates: how high each rises
    decay_parts: the last part of each, in which the learning rate falls
    """
    begin = 0
    for end, rate, decay_part in zip(ends, rates, decay_parts, strict=True):
        if step < end:
            return rate * trapezoid(step - begin, end - begin, n_warmup, decay_part)
        begin = max(begin, end)
    return 0.0


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


@dataclass
class Trained:
    """What a run trains; a step may put another model here, as when one grows."""

    model: PreTrainedModel
    optimizers: list[torch.optim.Optimizer]


@dataclass(frozen=True)
class Steps:
    """How a run goes on, step by step, and how it is told."""

    count: int
    rates: tuple[float, ...]  # learning rates of the optimizers
    factor: Callable[[int], float]  # of the learning rates, in a step
    gradient: Callable[[int], float]  # sets the gradient of a step, and returns its loss in nats
    measure: Callable[[], tuple[str, float, str]]  # name of a figure of held-out text, the figure, and how it is said
    measured_every: int
    smoothing: float = 0.98  # of the loss that is told
    saved_every_s: float = 180


def steps_of(
    recipe: Any,
    gradient: Callable[[int], float],
    measure: Callable[[], tuple[str, float, str]],
    measured_every: int,
    **more: Any,
) -> Steps:
    """Return the steps of a recipe that names their number, its learning rates, and when these rise and fall."""
    given = {
        "count": recipe.steps,
        "rates": (recipe.muon_learning_rate, recipe.adam_learning_rate),
        "factor": lambda step: trapezoid(step, recipe.steps, recipe.warmup_steps, recipe.decay_part),
    }
    return Steps(**given | more, gradient=gradient, measure=measure, measured_every=measured_every)


def run_steps(trained: Trained, steps: Steps, checkpoint: Checkpoint, state: dict[str, Any] | None) -> dict | None:
    """Train from a checkpoint's `state` on, or from the beginning; return the curve and the seconds that it took.

    SIGTERM saves and ends it, so that nothing is lost; then there is nothing to return.
    """
    curve: list[dict[str, float]] = []
    first_step, seconds = 0, 0.0
    if state is not None:
        first_step, curve, seconds = checkpoint.restore(state, trained.model, trained.optimizers)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    started = last_saved = time.monotonic()
    smooth = None
    bar = tqdm(range(first_step, steps.count), initial=first_step, total=steps.count, mininterval=5)
    for step in bar:
        value = steps.gradient(step)
        set_learning_rates(trained.optimizers, steps.rates, steps.factor(step))
        torch.nn.utils.clip_grad_norm_(trained.model.parameters(), 1.0)
        for optimizer in trained.optimizers:
            optimizer.step()
        trained.model.zero_grad(set_to_none=True)
        smooth = value if smooth is None else steps.smoothing * smooth + (1 - steps.smoothing) * value
        bar.set_postfix(loss=f"{smooth:.4f}")
        if (step + 1) % 20 == 0:
            curve.append({"step": step + 1, "train_nats": smooth})
        if (step + 1) % steps.measured_every == 0:
            name, figure, said = steps.measure()
            curve[-1][name] = figure
            tqdm.write(f"step {step + 1}: {said}")
        if stopping or time.monotonic() - last_saved > steps.saved_every_s or step + 1 == steps.count:
            elapsed = seconds + time.monotonic() - started
            progress = {"step": step + 1, "curve": curve, "seconds": elapsed}
            checkpoint.save(trained.model, trained.optimizers, progress)
            last_saved = time.monotonic()
        if stopping:
            return None
    return {"curve": curve, "seconds": seconds + time.monotonic() - started}


def finish(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, recipe: Any, run: dict) -> None:
    """Write what a run has made: bfloat16 safetensors in shards below 10 MB, the tokenizer, and how it went."""
    model.to(torch.bfloat16).save_pretrained(folder / "model", max_shard_size="9MB")
    tokenizer.save_pretrained(folder / "model")
    (folder / "log.json").write_text(json.dumps({"recipe": asdict(recipe), **run}))


def kept_tokenizer(folder: Path, make: Callable[[], PreTrainedTokenizerFast]) -> PreTrainedTokenizerFast:
    """Return the tokenizer that is in `folder`; else make one and write it there."""
    if folder.exists():
        return PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer = make()
    tokenizer.save_pretrained(folder)
    return tokenizer


def read_recipe(
    recipe: type[R], doc: str | None, here: Path, *, reads_corpus: bool = True
) -> tuple[R, dict[str, Path]]:
    """Return the recipe that the command line says, and the folders: "folder" and, where one is read, "corpus"."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if reads_corpus:
        parser.add_argument("--corpus", type=Path, required=True, help="folder with SOURCES.tsv and the books")
    parser.add_argument("--folder", type=Path, default=here / ".build", help="checkpoints, and what comes out")
    for name, default in asdict(recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    arguments = vars(parser.parse_args())
    folders = {name: arguments.pop(name) for name in ("folder", "corpus") if name in arguments}
    return recipe(**arguments), folders
