"""The candidates of one step as buttons: another one can be taken."""

import json

from playground.records import Step
from playground.views.step import shown_candidates

SHOWN = 12


def candidates_json(step: Step | None, *, most: int = SHOWN, is_open: bool = False) -> str:
    """Return {step, candidates: [{id, label, raw, kept, chosen}]} for the buttons; labels are not escaped.

    The likeliest comes first. is_open: none of them has been chosen yet
    """
    if step is None:
        return ""
    shown = step.candidates[:most] if is_open else shown_candidates(step, most)
    found = [
        {
            "id": candidate.id,
            "label": candidate.label,
            "raw": float(f"{candidate.raw_probability:.4g}"),
            "kept": candidate.probability > 0,
            "chosen": candidate.id == step.chosen.id and not is_open,
        }
        for candidate in shown
    ]
    return json.dumps({"step": step.index, "candidates": found}, ensure_ascii=False)
