"""A compressed copy of a model beside the model: size, speed, and how far it still says the same."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from playground.analysis.compression_copy import count_zeros, disk_bytes
from playground.analysis.compression_numbers import DTYPES, cast, quantize
from playground.analysis.compression_parts import (
    drop_layers,
    prune_heads,
    prune_weights,
    rank_heads,
    resolve,
    share_layers,
)
from playground.analysis.distillation import distil, shipped_student, trained_student
from playground.analysis.speed import N_ROUNDS, measure_speeds
from playground.analysis.token_loss import check_looks_back, losses_of, token_loss_of, written_tokens
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.models.memory import free_memory_bytes, is_memory_error, model_bytes
from playground.records import (
    Compression,
    CompressionMethod,
    CompressionProgress,
    ModelMeasures,
    PlaygroundError,
    ReadText,
)
from playground.records.sizes import say_bytes

MOST_READ = 1024  # tokens of a text
_ROWS = 64  # distributions at a time
# Bytes that a copy takes for each parameter beside the model, at most; what is shared with it takes none
_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8-dynamic": 1.1, "int8": 1.1, "int4": 0.8}


@dataclass(frozen=True, eq=False)
class Fidelity:
    """How well a copy predicts a text, and how far it says what its original says."""

    mean_nats: tuple[float, float]  # the original's first
    perplexity: tuple[float, ...]
    n_tokens: int
    divergence_nats: float
    agreement: float


def compress(loaded: LoadedModel, compression: Compression) -> LoadedModel:
    """Return a compressed copy; the model itself stays as it is, and what is not changed is shared with it.

    Raises PlaygroundError for what cannot be done, and, with the numbers, where memory does not suffice.
    """
    check_memory(loaded, compression)
    try:
        return _compress(loaded, compression)
    except (MemoryError, RuntimeError) as error:
        if not is_memory_error(error):
            raise
        raise PlaygroundError(
            f"There was not enough memory for a copy of {loaded.spec.name}: take a smaller one."
        ) from None


def _compress(loaded: LoadedModel, compression: Compression) -> LoadedModel:
    method = compression.method
    ways: dict[CompressionMethod, Callable[[], LoadedModel]] = {
        "int8-dynamic": lambda: quantize(loaded, compression),
        "int8": lambda: quantize(loaded, compression),
        "int4": lambda: quantize(loaded, compression),
        "magnitude": lambda: prune_weights(loaded, compression.percent),
        "heads": lambda: prune_heads(loaded, compression.heads),
        "shared": lambda: share_layers(loaded, compression.shared),
        "dropped": lambda: drop_layers(loaded, compression.layers),
        "distilled": lambda: trained_student(loaded, compression.steps),
        "student": lambda: shipped_student(loaded),
    }
    return ways[method]() if method in ways else cast(loaded, DTYPES[method])


def check_memory(loaded: LoadedModel, compression: Compression, n_tokens: int = 0) -> None:
    """Raise PlaygroundError, with the numbers, where the copy and the logits of both would not fit into memory."""
    width = torch.finfo(loaded.model.dtype).bits / 8
    changed = {"magnitude": width, "heads": width, "shared": 0.0, "dropped": 0.0, "distilled": 20.0, "student": width}
    largest = max((tensor.numel() for tensor in loaded.model.parameters()), default=0)
    needed = loaded.spec.n_parameters * (_BYTES | changed)[compression.method]
    needed += 3 * 4 * largest + 2 * 4 * n_tokens * loaded.spec.vocabulary_size
    free = free_memory_bytes(loaded.model.device)
    if needed > free:
        raise PlaygroundError(
            f"A copy of {loaded.spec.name} takes up to {say_bytes(needed)} of memory while it is made and compared, "
            f"and {say_bytes(free)} are free on {loaded.model.device}: take a smaller model, or a shorter text."
        )


def shorten(loaded: LoadedModel, read: ReadText) -> tuple[ReadText, int]:
    """Return what of a text is read, and how many tokens are left out at its end."""
    n_left_out = max(0, len(written_tokens(loaded, read)) - MOST_READ)
    if loaded.spec.kind == "encoder-decoder":
        return replace(read, target_tokens=read.target_tokens[:MOST_READ]), n_left_out
    return replace(read, tokens=read.tokens[:MOST_READ]), n_left_out


def prepare(
    loaded: LoadedModel, read: ReadText, compression: Compression, cancel: threading.Event
) -> Iterator[CompressionProgress | Compression]:
    """Yield how far it is, and last the compression with all that it depends on the text for; nothing if stopped."""
    written = written_tokens(loaded, read)
    check_looks_back(loaded)
    check_memory(loaded, compression, len(written))
    if compression.method == "heads" and not compression.heads:
        ranked: tuple[Any, ...] = ()
        for event in rank_heads(loaded, read, cancel):
            if isinstance(event, CompressionProgress):
                yield event
            else:
                ranked = event
        if cancel.is_set():
            return
        compression = replace(compression, heads=resolve(compression, ranked))
    if compression.method == "distilled":
        yield from distil(loaded, compression.steps, cancel)
        if cancel.is_set():
            return
    yield compression


@torch.inference_mode()
def measure_fidelity(loaded: LoadedModel, copy: LoadedModel, read: ReadText) -> Fidelity:
    """Return how well both predict a text, and the divergence of the copy's distributions from the original's.

    The divergence is KL(original || copy) = sum over tokens of P log(P / Q), the mean over all places of the text.
    """
    ids = [token.id for token in written_tokens(loaded, read)]
    target = ids if loaded.spec.kind == "encoder-decoder" else ()
    source = [token.id for token in read.tokens]
    both = [one.model(**model_inputs(one, source, target)).logits[0] for one in (loaded, copy)]  # (token, vocabulary)
    losses = [
        token_loss_of(one, read, *losses_of(logits, ids)) for one, logits in zip((loaded, copy), both, strict=True)
    ]
    divergence, agreeing = 0.0, 0
    for start in range(0, len(ids), _ROWS):
        own, other = (logits[start : start + _ROWS].float().log_softmax(-1) for logits in both)
        divergence += float((own.exp() * (own - other)).nan_to_num(0.0).sum())  # 0 log 0 is 0
        agreeing += int((own.argmax(-1) == other.argmax(-1)).sum())
    return Fidelity(
        mean_nats=(losses[0].mean_nats, losses[1].mean_nats),
        perplexity=tuple(loss.perplexity if loss.n_predicted else math.nan for loss in losses),
        n_tokens=len(ids),
        divergence_nats=max(0.0, divergence / len(ids)),
        agreement=agreeing / len(ids),
    )


def measure_pair(
    loaded: LoadedModel, copy: LoadedModel, read: ReadText, cancel: threading.Event
) -> Iterator[CompressionProgress | tuple[ModelMeasures, ModelMeasures, Fidelity]]:
    """Yield how far it is, and last the measures of both; nothing of it if it was stopped before."""
    yield CompressionProgress("reading the text with both", 0, 1)
    fidelity = measure_fidelity(loaded, copy, read)
    rates = [float("nan")] * 2
    for at, speeds in enumerate(measure_speeds((loaded, copy), read, cancel)):
        rates = [speed.tokens_per_s for speed in speeds]
        yield CompressionProgress("measuring speed, in turns", at + 1, N_ROUNDS)
    if cancel.is_set():
        return
    found = [
        _measure(one.model, rates[at], fidelity.mean_nats[at], fidelity.perplexity[at])
        for at, one in enumerate((loaded, copy))
    ]
    yield found[0], found[1], fidelity


def _measure(model: Any, rate: float, mean_nats: float, perplexity: float) -> ModelMeasures:
    on_disk = disk_bytes(model)
    n_weights, n_zero, saved = count_zeros(model)
    return ModelMeasures(on_disk, on_disk - saved, model_bytes(model), n_weights, n_zero, rate, mean_nats, perplexity)
