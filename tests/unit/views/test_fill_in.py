"""What the Fill in tab is given of a text and its masks."""

import json

from playground.records import Candidate, FillIn, Filling, MaskPrediction, Token, Word
from playground.views.fill_in import MOST_MASKS, fill_in_json, fill_sentence, filled_sentence

THE, CAT, SAT, DOG = (Token(id, text, text) for id, text in enumerate(("The", " cat", " sat", " dog"), 10))
MASK = Token(4, "", "[MASK]", special=True)
WORDS = tuple(Word(token.text, token.text, at, at + 1) for at, token in enumerate((THE, CAT, SAT)))
CANDIDATES = (Candidate(13, " dog", " dog", 0.5, 0.5), Candidate(11, " cat", " cat", 0.123456, 0.123456))


def filled(tokens, *masks):
    return FillIn(tokens, (THE, CAT, SAT), WORDS, masks)


def test_words_are_given_masked_or_filled():
    mask = MaskPrediction(1, CANDIDATES, 1.25, CAT, 0.123456, 2)
    shown = json.loads(fill_in_json(filled((THE, MASK, DOG), mask)))
    assert [(word["label"], word["state"]) for word in shown["words"]] == [
        ("The", "given"),
        (" cat", "masked"),
        (" dog", "filled"),
    ]
    assert shown["masks"] == [
        {
            "place": 1,
            "title": "Mask 1",
            "note": "“·cat” stood here: rank 2, 12 %; 1.2 bits of doubt",
            "given": 11,
            "candidates": [
                {"id": 13, "label": " dog", "probability": 0.5},
                {"id": 11, "label": " cat", "probability": 0.1235},
            ],
        }
    ]
    assert shown["more"] == 0


def test_a_mask_that_was_typed_has_nothing_that_stood_there():
    shown = json.loads(fill_in_json(filled((THE, MASK, SAT), MaskPrediction(1, CANDIDATES, 1.25))))
    assert (shown["masks"][0]["note"], shown["masks"][0]["given"]) == ("1.2 bits of doubt", None)


def test_the_candidates_of_so_many_masks_are_shown():
    masks = [MaskPrediction(1, CANDIDATES, 1.0)] * (MOST_MASKS + 3)
    shown = json.loads(fill_in_json(filled((THE, MASK, SAT), *masks)))
    assert (len(shown["masks"]), shown["more"]) == (MOST_MASKS, 3)


def test_sentences():
    right, wrong = MaskPrediction(1, CANDIDATES, 1.0, DOG, 0.5, 1), MaskPrediction(2, CANDIDATES, 1.0, CAT, 0.1, 2)
    assert fill_sentence(filled((THE, CAT, SAT))).startswith("Click a word to mask it.")
    assert fill_sentence(filled((THE, MASK, SAT), right)).startswith("One mask. At 1 of 1 what stood there")
    assert "2 masks, each predicted with the others masked. At 1 of 2" in fill_sentence(
        filled((THE, MASK, MASK), right, wrong)
    )
    assert fill_sentence(filled((THE, MASK, SAT), MaskPrediction(1, CANDIDATES, 1.0))) == (
        "One mask. Click a candidate to put it in."
    )
    assert filled_sentence([Filling(1, CANDIDATES[0])]) == (
        "Filled one after the other, the surest first, each read with those before it: “dog” (50 %)."
    )
