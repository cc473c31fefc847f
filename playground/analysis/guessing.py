"""Guessing the next token before it is shown, as Shannon's subjects did with letters.

C. E. Shannon, Prediction and Entropy of Printed English, 1951.
"""

import numpy as np

from playground.decoding.rules import spellings
from playground.models.loading import LoadedModel
from playground.records import Guess, NextToken, PlaygroundError, Step
from playground.records.guesses import checked_sureness

LONGEST_GUESS = 100  # characters


def judge_guess(loaded: LoadedModel, text: str, sure: float, step: Step, expected: NextToken) -> Guess:
    """Return a guess beside what came.

    text: what was typed; it is taken for the token with which the tokenizer begins to write it, at the beginning of a
    text or behind a space. step: what came. expected: the model's distribution of that step. Raises PlaygroundError
    where nothing was guessed.
    """
    if not text.strip():
        raise PlaygroundError("Type the word that you think comes next, then guess.")
    if len(text) > LONGEST_GUESS:
        raise PlaygroundError(f"A guess is a word or its beginning: at most {LONGEST_GUESS} characters.")
    ids = {spelled[0] for spelled in spellings(loaded, text.strip())}
    logits = expected.logits.astype(np.float64)
    probs = np.exp(logits - logits.max())
    probs /= probs.sum()
    return Guess(
        text=text.strip(),
        sure=checked_sureness(sure),
        is_right=step.chosen.id in ids,
        guess_probability=float(sum(probs[id] for id in ids if id < len(probs))),
        came=step.chosen.label,
        came_probability=step.chosen.raw_probability,
        n_tokens=len(probs),
    )
