"""A copy of a model that can be trained: all of its weights, or low-rank adapters beside weights that stay."""

import copy
import math
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from playground.models.hooks import Hooks
from playground.models.loading import LoadedModel
from playground.models.memory import free_memory_bytes, is_memory_error, model_bytes
from playground.records import PlaygroundError, TrainingMethod, TrainingPlan, shown_name
from playground.records.sizes import say_bytes
from playground.records.training import check_method

# A weight in float32, its gradient, AdamW's two moments, and what it was before the last step, to go back to
BYTES_A_WEIGHT = 20
MOST_FULL_BYTES = 2_600_000_000  # a GPT-2 small, of 124 million weights, is still copied as a whole
LORA_RANK, LORA_ALPHA = 8, 16
_SEED = 7  # of the adapters' first weights


def plan_training(loaded: LoadedModel, method: TrainingMethod = "auto", room_bytes: int | None = None) -> TrainingPlan:
    """Return how a copy of a model would be trained, and what it takes.

    room_bytes: the memory for it, None: what is free. Raises PlaygroundError, with the numbers, where there is not
    enough, and where the model's weights cannot be trained.
    """
    check_method(method)
    _check_weights(loaded)
    room = free_memory_bytes(loaded.model.device) if room_bytes is None else room_bytes
    n_all = loaded.spec.n_parameters
    n_trained = sum(weight.numel() for weight in loaded.model.parameters() if weight.requires_grad)
    full_bytes = BYTES_A_WEIGHT * n_trained + 4 * (n_all - n_trained)
    is_full = method == "full" or (method == "auto" and full_bytes <= min(MOST_FULL_BYTES, room))
    if is_full:
        why = "it was asked for" if method == "full" else "the model is small enough"
        plan = TrainingPlan(loaded.spec.name, "full", why, n_all, n_trained, full_bytes, room)
    else:
        n_adapters = _count_adapters(loaded.model)
        said = f"a copy of all weights would take {say_bytes(full_bytes)}, {BYTES_A_WEIGHT} bytes each"
        why = "it was asked for" if method == "lora" else said
        n_bytes = model_bytes(loaded.model) + BYTES_A_WEIGHT * n_adapters
        plan = TrainingPlan(loaded.spec.name, "lora", why, n_all, n_adapters, n_bytes, room)
    if plan.n_bytes > room:
        other = " or LoRA, which trains adapters only" if is_full else ""
        raise PlaygroundError(
            f"Training a copy of {shown_name(loaded.spec.name)} takes {say_bytes(plan.n_bytes)} of memory "
            f"({plan.n_trained:,} trained weights at {BYTES_A_WEIGHT} bytes each: the weight, its gradient, AdamW's "
            f"two moments, and a way back), and there are {say_bytes(room)} for it. Take a smaller model{other}."
        )
    return plan


def copy_model(loaded: LoadedModel, plan: TrainingPlan) -> LoadedModel:
    """Return a copy of a model to train, as `plan` says: in float32, or with adapters over the model's own weights.

    The model itself stays as it is. Raises PlaygroundError where there is not enough memory for it, and where no
    adapters can be set in a model of this family.
    """
    try:
        model = _copy_whole(loaded.model) if plan.method == "full" else _with_adapters(loaded.model)
    except PlaygroundError:
        raise
    except Exception as error:  # each family, and peft, fails in its own way
        if is_memory_error(error):
            raise not_enough_memory(loaded) from error
        raise PlaygroundError(
            f"{shown_name(loaded.spec.name)} ({loaded.spec.architecture}) cannot be copied for a training"
            f"{' with adapters' if plan.method == 'lora' else ''}: {' '.join(str(error).split())[:200]}"
        ) from error
    name = f"{shown_name(loaded.spec.name)}, trained"
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    return replace(loaded, model=model.eval(), spec=replace(loaded.spec, name=name, dtype=dtype))


def not_enough_memory(loaded: LoadedModel) -> PlaygroundError:
    """Return what is raised where memory ran out."""
    return PlaygroundError(
        f"There was not enough memory to train {shown_name(loaded.spec.name)}: take smaller batches, shorter "
        "sequences, or a smaller model."
    )


def _check_weights(loaded: LoadedModel) -> None:
    model, name = loaded.model, shown_name(loaded.spec.name)
    if getattr(model, "is_quantized", False) or not all(weight.is_floating_point() for weight in model.parameters()):
        raise PlaygroundError(
            f"The weights of {name} are stored in few bits ({loaded.spec.dtype}) and cannot be trained: load it in "
            "float32 or bfloat16."
        )
    if any(weight.device.type == "meta" for weight in model.parameters()):
        raise PlaygroundError(f"{name} is spread over several memories, and not trained here: take a smaller one.")


def _copy_whole(model: nn.Module) -> nn.Module:
    with torch.inference_mode(mode=False):
        copied = copy.deepcopy(model).float()
        for module in copied.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None and buffer.is_inference():  # left by a pass without gradients
                    module._buffers[name] = buffer.clone()
    return copied


def _with_adapters(model: nn.Module) -> nn.Module:
    """Return the model's modules anew, over its own weights, with adapters in them (LoRA: Hu et al. 2021).

    peft freezes what it is given: the weights are therefore wrapped anew, and the model's own stay as they are.
    """
    from peft import LoraConfig, inject_adapter_in_model

    copied = Hooks(model).model
    wrapped: dict[int, nn.Parameter] = {}  # one that two modules share stays one
    for module in copied.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                frozen = wrapped.setdefault(id(weight), nn.Parameter(weight.detach(), requires_grad=False))
                module._parameters[name] = frozen
    copied.config = copy.deepcopy(model.config)
    is_transposed = any(isinstance(module, Conv1D) for module in copied.modules())
    config = LoraConfig(r=LORA_RANK, lora_alpha=LORA_ALPHA, target_modules="all-linear", fan_in_fan_out=is_transposed)
    inject_adapter_in_model(config, copied)
    draw = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for name, weight in copied.named_parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()  # steps are smaller than the spacing of bfloat16
            if "lora_A" in name:  # as peft draws them, but the same each time
                bound = 1 / math.sqrt(weight.shape[1])
                weight.copy_((2 * torch.rand(weight.shape, generator=draw) - 1) * bound)
    return copied


def _count_adapters(model: Any) -> int:
    """Return how many weights the adapters of all linear maps have: two thin matrices each."""
    output = model.get_output_embeddings()
    count = 0
    for module in model.modules():
        weight = getattr(module, "weight", None)
        is_linear = isinstance(module, nn.Linear | Conv1D)
        if is_linear and module is not output and isinstance(weight, torch.Tensor):
            count += LORA_RANK * sum(weight.shape)
    return count
