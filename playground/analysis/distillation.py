"""A student of two layers that learns what a model predicts (Hinton et al. 2015, arXiv 1503.02531).

It begins with the model's embeddings, its first and its last layer (as in Sanh et al. 2019, arXiv 1910.01108), and
learns the whole distribution of each next token: the Kullback-Leibler divergence of its own from the model's. What it
reads while it learns is text that the model itself has written.
"""

import copy
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float32, Int64
from torch import nn

from playground.analysis.compression_parts import drop_layers
from playground.analysis.token_loss import check_looks_back, not_a_number
from playground.models.anatomy import anatomy_of
from playground.models.loading import LoadedModel, load
from playground.models.spec import read_spec
from playground.records import MOST_DISTILLED, CompressionProgress, PlaygroundError

STUDENT = "student"  # the folder beside a model's own weights
MOST_PARAMETERS = 50_000_000  # of the model: a step of a larger one takes too long to wait for
_PASSAGES, _LENGTH = 8, 64  # that the model writes at a time, and the tokens of each
_STEPS_A_WRITING = 4  # that are taken on the same passages
_LEARNING_RATE = 1e-3
_SEED = 7

_KEPT = 4  # students of a model

# By the number of their steps, on which alone they depend: none is trained twice, nor to show another head of it
_students: "WeakKeyDictionary[nn.Module, dict[int, LoadedModel]]" = WeakKeyDictionary()


def left_out_layers(loaded: LoadedModel) -> tuple[int, ...]:
    """Return the layers that a student does not have: all but the first and the last."""
    return tuple(range(1, len(anatomy_of(loaded).blocks) - 1))


def distil(loaded: LoadedModel, steps: int, cancel: threading.Event) -> Iterator[CompressionProgress]:
    """Train a student, and yield how far it is; trained_student has it then. The model stays as it is.

    Setting `cancel` ends it within one step, without a student. Raises PlaygroundError for a model that is no decoder,
    too large, or has two layers already.
    """
    _check(loaded, steps)
    kept = _students.setdefault(loaded.model, {})
    if steps in kept:
        return
    teacher, student = loaded.model, _begin(loaded)
    optimizer = torch.optim.AdamW(student.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    generator = torch.Generator(device=teacher.device).manual_seed(_SEED)
    ids: Int64[torch.Tensor, "passage token"] | None = None
    for step in range(steps):
        if ids is None or step % _STEPS_A_WRITING == 0:
            ids = _write(loaded, generator, cancel)
        if cancel.is_set():
            return
        for group in optimizer.param_groups:  # falls to nothing in the second half
            group["lr"] = _LEARNING_RATE * min(1.0, 2 * (steps - step) / steps)
        with torch.enable_grad():
            nats = mean_divergence(teacher, student, ids)
            optimizer.zero_grad()
            nats.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if not torch.isfinite(nats):
            raise not_a_number(loaded)
        yield CompressionProgress(f"distilling, {nats.item():.2f} nats apart", step + 1, steps)
    student.requires_grad_(False)
    dtype = str(next(student.parameters()).dtype).removeprefix("torch.")
    spec = replace(read_spec(student, loaded.spec.name, loaded.spec.kind), dtype=dtype)
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]
    kept[steps] = replace(loaded, model=student, spec=spec)


def mean_divergence(teacher: Any, student: Any, ids: Int64[torch.Tensor, "row token"]) -> Float32[torch.Tensor, ""]:
    """Return the mean over all places of KL(teacher || student) in nats."""
    with torch.no_grad():
        expected = teacher(input_ids=ids, use_cache=False).logits.float().log_softmax(-1)
    found = student(input_ids=ids, use_cache=False).logits.float().log_softmax(-1)
    return (expected.exp() * (expected - found)).sum(-1).mean()


def trained_student(loaded: LoadedModel, steps: int) -> LoadedModel:
    """Return a student that was trained for so many steps. Raises PlaygroundError where it is gone."""
    found = _students.get(loaded.model, {}).get(steps)
    if found is None:
        raise PlaygroundError("This student is no longer kept, since others were trained: compress and compare anew.")
    return found


def has_student(loaded: LoadedModel) -> bool:
    """Return whether a student came with the model."""
    return loaded.folder is not None and (loaded.folder / STUDENT / "config.json").is_file()


def shipped_student(loaded: LoadedModel) -> LoadedModel:
    """Return the student that came with the model. Raises PlaygroundError where none did."""
    if loaded.folder is None or not has_student(loaded):
        raise PlaygroundError(f"No student came with {loaded.spec.name}: train one here, or take another method.")
    student = load(str(loaded.folder / STUDENT), str(loaded.model.device), loaded.spec.dtype)
    if student.spec.vocabulary_size != loaded.spec.vocabulary_size:
        raise PlaygroundError(f"The student that came with {loaded.spec.name} has other tokens, so it is not compared.")
    return replace(student, spec=replace(student.spec, name=loaded.spec.name))


def _check(loaded: LoadedModel, steps: int) -> None:
    check_looks_back(loaded)
    name = loaded.spec.name
    if loaded.spec.kind != "decoder":
        raise PlaygroundError(f"{name} is no decoder: a student learns here from what a decoder writes.")
    if not 1 <= steps <= MOST_DISTILLED:
        raise PlaygroundError(f"Take 1 to {MOST_DISTILLED} steps, not {str(steps)[:40]}.")
    if loaded.spec.n_parameters > MOST_PARAMETERS:
        raise PlaygroundError(
            f"{name} has {loaded.spec.n_parameters / 1e6:,.0f} million weights; a student is trained here of models "
            f"with up to {MOST_PARAMETERS / 1e6:.0f} million."
        )
    if len(anatomy_of(loaded).blocks) < 3:
        raise PlaygroundError(f"{name} has no more than two layers already.")


def _begin(loaded: LoadedModel) -> Any:
    """Return the student before its first step, in float32."""
    small = drop_layers(loaded, left_out_layers(loaded)).model
    # What shares a weight in the model goes on to share it in the student
    student = copy.deepcopy(small).float().train(mode=False)
    return student.requires_grad_(True)


@torch.no_grad()
def _write(
    loaded: LoadedModel, generator: torch.Generator, cancel: threading.Event
) -> Int64[torch.Tensor, "passage token"]:
    """Return passages that the model writes by itself, sampled as it predicts."""
    model, tokenizer = loaded.model, loaded.tokenizer
    context = loaded.spec.context_length or _LENGTH
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids = torch.full((_PASSAGES, 1), first or 0, dtype=torch.long, device=model.device)
    cache = None
    while ids.shape[1] < min(_LENGTH, context) and not cancel.is_set():
        output = model(input_ids=ids if cache is None else ids[:, -1:], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        probs = output.logits[:, -1].float().softmax(-1)
        if not bool(torch.isfinite(probs).all()):
            raise not_a_number(loaded)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], dim=1)
    return ids
