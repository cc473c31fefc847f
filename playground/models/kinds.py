"""Which kind of transformer a configuration describes, and which class of transformers loads it."""

from typing import Any

from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM
from transformers.models.auto import modeling_auto

from playground.records import ModelKind, PlaygroundError

_AUTO_CLASSES: dict[ModelKind, Any] = {
    "decoder": AutoModelForCausalLM,
    "encoder": AutoModelForMaskedLM,
    "encoder-decoder": AutoModelForSeq2SeqLM,
}


def choose_kind(config: Any, name: str) -> ModelKind:
    """Return what a model of this configuration is: by the class that it was saved as, else by its family.

    Raises PlaygroundError where transformers has no language model of this family.
    """
    for architecture in config.architectures or ():
        if (kind := kind_of_class(architecture, config)) is not None:
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


def kind_of_class(class_name: str, config: Any) -> ModelKind | None:
    """Return the kind of a transformers class; of those in several lists, the more particular one."""
    if class_name in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.values() and config.is_encoder_decoder:
        return "encoder-decoder"
    causal = class_name in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
    masked = class_name in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES.values()
    if masked and not getattr(config, "is_decoder", False) and not config.is_encoder_decoder:
        return "encoder"
    is_heard = class_name in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.values()
    return "decoder" if causal or (is_heard and not config.is_encoder_decoder) else None
