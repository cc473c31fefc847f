"""On which device, in which numbers and in how many parts a model is loaded, and why."""

import importlib.util
from dataclasses import dataclass
from typing import Any

import torch

from playground.models.memory import free_memory_bytes
from playground.records import Placement, PlaygroundError
from playground.records.sizes import say_bytes

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
QUANTIZED = {"8bit": 1.0, "4bit": 0.5}  # bytes a weight, about

# On a CPU smaller models are bound by arithmetic, larger ones by reading their weights for every token.
SMALL_PARAMETERS = 50_000_000

WORKING_ROOM = 1.1  # keys and values, and what is computed in between, for one text


@dataclass(frozen=True)
class Plan:
    """How a model is to be loaded: what `from_pretrained` is given, and what is said of it."""

    device: torch.device
    dtype: torch.dtype
    arguments: dict[str, Any]
    placement: Placement
    n_bytes: int  # that it will take of the device's memory
    is_spread: bool = False  # over several devices and the disk


def plan_placement(name: str, device: str, dtype: str, n_parameters: int) -> Plan:
    """Decide on device and dtype, and whether the model is spread. Raises PlaygroundError with the numbers.

    A model that is too large for one GPU is spread over all of them, then over this machine's memory and disk,
    by accelerate.
    """
    place, why_device = choose_device(device), _why_device(device)
    if dtype in QUANTIZED:
        return _plan_quantized(dtype, place, why_device, n_parameters)
    number, why_dtype = choose_dtype(dtype, place, n_parameters), why_this_dtype(dtype, place, n_parameters)
    n_bytes = n_parameters * number.itemsize
    free = free_memory_bytes(place)
    placement = Placement(str(place), str(number).removeprefix("torch."), why_device, why_dtype)
    if n_bytes * WORKING_ROOM <= free:
        arguments = {} if place.type == "cpu" else {"device_map": {"": place}}
        return Plan(place, number, {"dtype": number, **arguments}, placement, n_bytes)
    if place.type != "cuda":
        raise PlaygroundError(say_too_large(name, int(n_bytes * WORKING_ROOM), free))
    spread = f"spread over GPUs, memory and disk: {say_bytes(n_bytes)} of weights, {say_bytes(free)} free on {place}"
    placement = Placement("auto", placement.dtype, f"{why_device}; {spread}", why_dtype)
    return Plan(place, number, {"dtype": number, "device_map": "auto"}, placement, n_bytes, is_spread=True)


def bytes_needed(device: str, dtype: str, n_parameters: int) -> int:
    """Return what the weights of a model take, on a device and in a dtype. Raises PlaygroundError for bad names."""
    place = choose_device(device)
    if dtype in QUANTIZED:
        return int(n_parameters * QUANTIZED[dtype])
    return n_parameters * choose_dtype(dtype, place, n_parameters).itemsize


def say_too_large(name: str, n_bytes: int, free: int) -> str:
    """Return that a model does not fit, with the numbers."""
    return f"{name} takes {say_bytes(n_bytes)} of memory, and there are {say_bytes(free)} for it. Take a smaller one."


def _plan_quantized(dtype: str, place: torch.device, why_device: str, n_parameters: int) -> Plan:
    """Plan for weights in 8 or 4 bits. Raises PlaygroundError where no installed back end can do it."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise PlaygroundError(
            f"dtype {dtype} needs the package bitsandbytes, which is not installed here. Take bfloat16, or install it."
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(load_in_8bit=dtype == "8bit", load_in_4bit=dtype == "4bit")
    placement = Placement(str(place), dtype, why_device, f"{dtype} was asked for; computed by bitsandbytes")
    arguments = {"quantization_config": config, "device_map": {"": place}}
    return Plan(place, torch.float16, arguments, placement, int(n_parameters * QUANTIZED[dtype]))


def choose_device(device: str) -> torch.device:
    """Return the device; "auto" is CUDA, then Apple's MPS, then the CPU. Raises PlaygroundError."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, TypeError) as error:  # torch's CPU build asserts that CUDA is not there
        raise PlaygroundError(f"The device {str(device)[:40]!r} is not here; try auto or cpu.") from error
    return place


def _why_device(device: str) -> str:
    if device != "auto":
        return "it was asked for"
    if torch.cuda.is_available():
        return "there is a CUDA GPU"
    return "there is an Apple GPU" if torch.backends.mps.is_available() else "there is no GPU"


def choose_dtype(dtype: str, device: torch.device, n_parameters: int) -> torch.dtype:
    """Return the dtype; "auto" is what is fastest on the device without losing accuracy that shows.

    bfloat16 on CUDA where it computes in it, and on a CPU that does for models whose decoding is bound by memory
    (measured: GPT-2 small 60 tokens/s against 33); else float32. Raises PlaygroundError for an unknown name.
    """
    if dtype in DTYPES:
        return DTYPES[dtype]
    if dtype != "auto":
        known = ", ".join((*DTYPES, *QUANTIZED))
        raise PlaygroundError(f"dtype must be auto, {known}, not {str(dtype)[:40]!r}.")
    if device.type == "cuda":
        return torch.bfloat16 if _cuda_computes_bfloat16() else torch.float32
    if device.type == "cpu" and n_parameters >= SMALL_PARAMETERS and cpu_computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def why_this_dtype(dtype: str, device: torch.device, n_parameters: int) -> str:
    """Return why `choose_dtype` chose as it did."""
    if dtype != "auto":
        return "it was asked for"
    if device.type == "cuda":
        return "the GPU computes in bfloat16" if _cuda_computes_bfloat16() else "the GPU does not compute in bfloat16"
    if device.type != "cpu":
        return "it is exact on every device"
    if n_parameters < SMALL_PARAMETERS:
        return "a model this small is no faster in bfloat16 on a CPU"
    return (
        "this CPU computes in bfloat16, and reads half as many bytes for a token"
        if cpu_computes_bfloat16()
        else "this CPU does not compute in bfloat16"
    )


def cpu_computes_bfloat16() -> bool:
    """Return whether this CPU has instructions that multiply in bfloat16."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _cuda_computes_bfloat16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)  # older GPUs imitate it, slowly
