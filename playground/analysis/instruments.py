"""Which instruments a model has no answer for, and why: asked of the model, never of its name."""

from collections.abc import Callable
from typing import Any

from playground.analysis.cost import model_cost
from playground.analysis.fill_in import mask_id
from playground.analysis.token_loss import check_predicts_next
from playground.models.anatomy import anatomy_of
from playground.models.loading import LoadedModel
from playground.records import InstrumentName, PlaygroundError


def absent_instruments(loaded: LoadedModel) -> dict[InstrumentName, str]:
    """Return why each instrument has nothing to show of a model; those that have something are left out.

    The first time a short text goes through the model.
    """
    asked: dict[InstrumentName, Callable[[LoadedModel], Any]] = {
        "choices": check_predicts_next,
        "steps": check_predicts_next,
        "beams": check_predicts_next,
        "fill-in-tab": mask_id,
        "what-if": anatomy_of,
        "compress": check_predicts_next,
        "cost": model_cost,
        "compare": check_predicts_next,
    }
    absent: dict[InstrumentName, str] = {}
    for name, ask in asked.items():
        try:
            ask(loaded)
        except PlaygroundError as error:
            absent[name] = str(error)
        except Exception:  # a family that fails in its own way; the instrument says so when it is asked
            continue
    return absent
