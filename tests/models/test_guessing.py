"""A guess beside the model's own distribution."""

import pytest

import playground
from playground.records import PlaygroundError

PROMPT = "Once upon a"


@pytest.fixture(scope="module")
def stories():
    return playground.load("stories")


def judged(lm, text, sure=0.5, prompt=PROMPT):
    step = lm.generate(prompt, strategy="greedy", max_new_tokens=1).steps[0]
    return step, lm.judge_guess(prompt, (), step, text, sure)


def test_a_right_guess_has_the_probability_of_what_came(stories):
    step, guess = judged(stories, "time")
    assert step.chosen.text == " time"
    assert guess.is_right
    assert guess.came_probability == step.chosen.raw_probability
    assert guess.guess_probability == pytest.approx(step.chosen.raw_probability, abs=2e-3)  # "time" without a space too
    assert guess.n_tokens == 4096


def test_a_wrong_one_has_its_own(stories):
    step, guess = judged(stories, " hill")
    assert not guess.is_right
    assert 0 < guess.guess_probability < step.chosen.raw_probability
    assert guess.text == "hill"


@pytest.mark.parametrize("text", ["", "  \n", "x" * 101])
def test_no_guess_is_refused(stories, text):
    with pytest.raises(PlaygroundError, match="guess"):
        judged(stories, text)


def test_an_encoder_decoder_can_be_guessed_too():
    translator = playground.load("translator")
    step, guess = judged(translator, "le", prompt="The cat sees the dog.")
    assert guess.came == step.chosen.label
    assert 0 <= guess.guess_probability <= 1
