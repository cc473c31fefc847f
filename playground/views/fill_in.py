"""A text whose words can be masked, and what could stand at each mask, for the page's own script."""

import json
from collections.abc import Sequence

from playground.records import Candidate, FillIn, Filling, MaskPrediction, Token, Word
from playground.views.labels import plain_label, visible

MOST_MASKS = 12  # whose candidates are shown
MOST_CANDIDATES = 8


def fill_in_json(fill: FillIn) -> str:
    """Return {words: [{label, state, special}], masks: [{place, title, note, candidates}], more}; nothing is escaped.

    state: "given" as it was, "masked", or "filled" with something else. Candidates are {id, label, probability}.
    """
    masked = {mask.place for mask in fill.masks}
    return json.dumps(
        {
            "words": [_word(word, fill, masked) for word in fill.words],
            "masks": [_mask(mask, number) for number, mask in enumerate(fill.masks[:MOST_MASKS], 1)],
            "more": max(0, len(fill.masks) - MOST_MASKS),
        },
        ensure_ascii=False,
    )


def fill_sentence(fill: FillIn) -> str:
    """Return what there is to see or to do, in a sentence; not escaped."""
    if not fill.masks:
        return "Click a word to mask it. The model reads what is before and behind it and says what could stand there."
    known = [mask for mask in fill.masks if mask.rank is not None]
    count = "One mask." if len(fill.masks) == 1 else f"{len(fill.masks)} masks, each predicted with the others masked."
    if not known:
        return f"{count} Click a candidate to put it in."
    right = sum(mask.rank == 1 for mask in known)
    return f"{count} At {right} of {len(known)} what stood there is the likeliest. Click a candidate to put it in."


def filled_sentence(fillings: Sequence[Filling]) -> str:
    """Return with what the masks were filled, in the order in which that was done; not escaped."""
    shown = [
        f"“{_put_in(one.candidate)}” ({100 * one.candidate.raw_probability:.0f} %)" for one in fillings[:MOST_MASKS]
    ]
    more = f" and {len(fillings) - MOST_MASKS} more" if len(fillings) > MOST_MASKS else ""
    return f"Filled one after the other, the surest first, each read with those before it: {', '.join(shown)}{more}."


def _word(word: Word, fill: FillIn, masked: set[int]) -> dict[str, object]:
    places = range(word.start, word.stop)
    now = fill.tokens[word.start : word.stop]
    is_filled = any(token.id != given.id for token, given in zip(now, fill.given[word.start : word.stop], strict=True))
    is_masked = any(place in masked for place in places)
    state = "masked" if is_masked else "filled" if is_filled else "given"
    return {
        "label": "".join(map(_shown, now)) if is_filled and not is_masked else word.label,
        "state": state,
        "special": word.special and not is_masked,
    }


def _put_in(candidate: Candidate) -> str:
    """Return what was put in without the space before it, which is no part of the word to a reader."""
    return visible(candidate.label.strip(" ") or candidate.label)


def _shown(token: Token) -> str:
    return token.label if token.partial or not token.text else token.text


def _mask(mask: MaskPrediction, number: int) -> dict[str, object]:
    note = f"{mask.entropy_bits:.1f} bits of doubt"
    if mask.given is not None and mask.probability is not None:
        note = f"“{plain_label(mask.given)}” stood here: rank {mask.rank}, {100 * mask.probability:.2g} %; {note}"
    return {
        "place": mask.place,
        "title": f"Mask {number}",
        "note": note,
        "given": mask.given.id if mask.given else None,
        "candidates": [
            {"id": one.id, "label": one.label, "probability": float(f"{one.raw_probability:.4g}")}
            for one in mask.candidates[:MOST_CANDIDATES]
        ],
    }
