"""One distribution as JSON for the browser, which applies the filters itself (assets/js/funnel.js)."""

import base64
import json
from typing import Any

import numpy as np

from playground.records import GenerationSettings, NextToken, Step


def funnel_json(distribution: NextToken, step: Step | None = None, settings: GenerationSettings | None = None) -> str:
    """Return the distribution with what the filters need; of a `step` also what was chosen, how, and its settings."""
    names = {str(token.id): token.label for token in distribution.likely}
    value: dict[str, Any] = {
        "logits": base64.b64encode(distribution.logits.astype("<f4").tobytes()).decode(),
        "seen": distribution.seen_ids,
        "rules": [{"name": rule.name, "ids": rule.ids, "keeps": rule.keeps} for rule in distribution.rules],
        "likely": [token.id for token in distribution.likely],
        "names": names,
        "chosen": None,
        "draw": None,
        "settings": None if settings is None else settings_of(settings),
    }
    if step is not None:
        value["chosen"] = step.chosen.id
        names[str(step.chosen.id)] = step.token.label
        if (draw := step.draw) is not None:
            value["draw"] = {
                "time": draw.time,
                "place": draw.place,
                "second": draw.second.label if draw.second else None,
                "secondTime": draw.second_time if np.isfinite(draw.second_time) else None,
            }
    return json.dumps(value)


def settings_of(settings: GenerationSettings) -> dict[str, float | bool]:
    """Return the settings of the filters by the names that they have in assets/js/funnel.js."""
    return {
        "draws": settings.draws,
        "temperature": settings.temperature,
        "topK": settings.top_k,
        "topP": settings.top_p,
        "minP": settings.min_p,
        "typicalP": settings.typical_p,
        "repetitionPenalty": settings.repetition_penalty,
        "noRepeat": settings.no_repeat_ngram_size,
    }
