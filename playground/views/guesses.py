"""Guesses of the next token as a table, and in words."""

import html
from collections.abc import Sequence

from playground.records import Guess
from playground.records.guesses import mean_bits
from playground.views.labels import visible
from playground.views.tables import scrolled_table

_SHOWN = 50
COLUMNS = (
    ("", False),
    ("you guessed", False),
    ("sure", True),
    ("what came", False),
    ("you, bits", True),
    ("model, bits", True),
)


def describe_guess(guess: Guess) -> str:
    """Return what came of a guess, in words; not escaped."""
    came = visible(guess.came)
    if guess.is_right:
        begin = f"Right: “{came}” came. You were {guess.sure:.0%} sure of it: {guess.bits:.1f} bits of surprise"
    else:
        begin = (
            f"“{came}” came, not “{visible(guess.text)}”. You left {1 - guess.sure:.0%} for all other tokens: "
            f"{guess.bits:.1f} bits of surprise"
        )
    return (
        f"{begin}. The model had given it {100 * guess.came_probability:.1f} %: {guess.model_bits:.1f} bits"
        f"{'' if guess.is_right else f', and your guess {100 * guess.guess_probability:.1f} %'}."
    )


def guesses_html(guesses: Sequence[Guess]) -> str:
    """Return the guesses, the last one first, with the means, as HTML; empty where there are none."""
    if not guesses:
        return ""
    yours, models = mean_bits(guesses)
    n_right = sum(guess.is_right for guess in guesses)
    lines = [
        f"<tr><td>{len(guesses) - at}</td><td>“{html.escape(visible(guess.text))}”</td>"
        f"<td class='number'>{guess.sure:.0%}</td><td>“{html.escape(visible(guess.came))}”"
        f"{' ✓' if guess.is_right else ''}</td>"
        f"<td class='number'>{guess.bits:.1f}</td><td class='number'>{guess.model_bits:.1f}</td></tr>"
        for at, guess in enumerate(reversed(guesses[-_SHOWN:]))
    ]
    return (
        f"<p><b>{n_right} of {len(guesses)} right. Mean surprise: you {yours:.2f} bits, the model {models:.2f} bits a "
        f"token.</b></p>{scrolled_table('guess-table', COLUMNS, lines)}"
    )
