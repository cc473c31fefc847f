"""Loading a transformers model, safely: safetensors only, and no code from elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
)
from transformers.models.auto import modeling_auto
from transformers.utils import logging as transformers_logging

from playground.models import catalogue
from playground.models.codec import TokenCodec
from playground.models.spec import read_spec
from playground.records import ModelKind, ModelSpec, PlaygroundError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# On a CPU smaller models are bound by arithmetic, larger ones by reading their weights for every token.
SMALL_PARAMETERS = 50_000_000

_AUTO_CLASSES: dict[ModelKind, Any] = {
    "decoder": AutoModelForCausalLM,
    "encoder": AutoModelForMaskedLM,
    "encoder-decoder": AutoModelForSeq2SeqLM,
}


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A transformers model in evaluation mode, its tokenizer, and what is known of them."""

    model: Any
    tokenizer: Any
    codec: TokenCodec
    spec: ModelSpec


def load(name: str, device: str = "auto", dtype: str = "auto") -> LoadedModel:
    """Load a bundled name, a folder, or a Hub id; weights as safetensors only, never any code.

    Raises PlaygroundError, which says what to do, where that does not work out.
    """
    source = catalogue.resolve(name)
    place = choose_device(device)
    transformers_logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        kind = choose_kind(config, name)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = choose_auto_class(config, kind).from_pretrained(
            source, config=config, use_safetensors=True, trust_remote_code=False, dtype="auto"
        )
    except PlaygroundError:
        raise
    except Exception as error:  # transformers, huggingface_hub and safetensors raise dozens of types here
        raise PlaygroundError(_explain(name, error)) from error
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    model = model.to(device=place, dtype=choose_dtype(dtype, place, n_parameters)).eval()
    return LoadedModel(model, tokenizer, TokenCodec(tokenizer), read_spec(model, name, kind))


def wrap(model: Any, tokenizer: Any, name: str | None = None) -> LoadedModel:
    """Take a transformers model that is already in memory, as it is: device, dtype and weights stay."""
    name = name or Path(model.name_or_path or type(model).__name__).name
    kind = _kind_of_class(type(model).__name__, model.config) or choose_kind(model.config, name)
    return LoadedModel(model.eval(), tokenizer, TokenCodec(tokenizer), read_spec(model, name, kind))


def choose_kind(config: Any, name: str) -> ModelKind:
    """Return what a model of this configuration is: by the class that it was saved as, else by its family.

    Raises PlaygroundError where transformers has no language model of this family.
    """
    for architecture in config.architectures or ():
        if (kind := _kind_of_class(architecture, config)) is not None:
            return kind
    family = config.model_type
    if config.is_encoder_decoder and family in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return "encoder-decoder"
    if family in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False):
        return "encoder"
    if family in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return "decoder"
    if family in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:  # listens and writes; reads text alone too
        return "decoder"
    raise PlaygroundError(f"{name} is of the family {family!r}, which transformers has no language model for.")


def choose_auto_class(config: Any, kind: ModelKind) -> Any:
    """Return the class of transformers that loads such a model."""
    if kind == "decoder" and config.model_type not in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return AutoModelForSeq2SeqLM  # where transformers lists those that listen and write, though they have one side
    return _AUTO_CLASSES[kind]


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


def choose_dtype(dtype: str, device: torch.device, n_parameters: int) -> torch.dtype:
    """Return the dtype; "auto" is what is fastest on the device without losing accuracy that shows.

    bfloat16 on CUDA where it can, and on a CPU that computes in it for models whose decoding is bound by memory
    (measured: GPT-2 small 60 tokens/s against 33); else float32. Raises PlaygroundError for an unknown name.
    """
    if dtype in DTYPES:
        return DTYPES[dtype]
    if dtype != "auto":
        raise PlaygroundError(f"dtype must be auto, {', '.join(DTYPES)}, not {str(dtype)[:40]!r}.")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and n_parameters >= SMALL_PARAMETERS and _cpu_computes_bfloat16():
        return torch.bfloat16
    return torch.float32


def _cpu_computes_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _kind_of_class(class_name: str, config: Any) -> ModelKind | None:
    """Return the kind of a transformers class; of those in several lists, the more particular one."""
    if class_name in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.values() and config.is_encoder_decoder:
        return "encoder-decoder"
    causal = class_name in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
    masked = class_name in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES.values()
    if masked and not getattr(config, "is_decoder", False) and not config.is_encoder_decoder:
        return "encoder"
    is_heard = class_name in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.values()
    return "decoder" if causal or (is_heard and not config.is_encoder_decoder) else None


def _explain(name: str, error: BaseException) -> str:
    """Say what went wrong with a loading and what to do next."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(cause) for cause in causes)
    if any(isinstance(cause, GatedRepoError) for cause in causes) or "gated repo" in text:
        return f"{name} is gated: accept its terms on huggingface.co, log in with `hf auth login`, then try again."
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes) or "is not a valid model identifier" in text:
        return f"There is no model {name!r} on the Hub, or it is private. Bundled: {catalogue.known_names()}."
    if "couldn't connect" in text or "offline mode" in text or "Name or service not known" in text:
        return (
            f"{name} is not on this machine, and the Hugging Face Hub cannot be reached. "
            f"Bundled models need no internet: {catalogue.known_names()}."
        )
    if "safetensors" in text and ("no file named" in text or "does not appear to have" in text):
        return f"{name} has no weights as safetensors, the only format that is loaded (others can run code)."
    if "trust_remote_code" in text:
        return f"{name} needs code of its own, which is never run here. Take a model that transformers knows."
    return f"{name} could not be loaded: {' '.join(str(error).split())[:300]}"
