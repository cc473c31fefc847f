"""What is said and drawn of a training."""

import json
from dataclasses import replace

import numpy as np

from playground.records import Token, TokenLoss, TrainedLoss, Training, TrainingPlan
from playground.views.training import (
    draw_gradient,
    draw_training_curve,
    losses_table,
    plan_sentence,
    progress_html,
    training_sentence,
)

TRAINING = Training(
    state="done",
    n_wanted=4,
    losses_nats=np.array([4.0, 2.0], np.float32),
    gradient_norms=np.array([1.5, 0.5], np.float32),
    parts=("wte", "layer 0", "<b>"),
    part_norms=np.array([0.3, 0.4, 0.0], np.float32),
    loss_after_nats=1.0,
    n_sequences=3,
    n_tokens=1200,
    duration_s=2.0,
)


def drawn(figure):
    return json.loads(figure.to_json())


def test_the_curve_ends_with_the_loss_after_the_last_step():
    trace = drawn(draw_training_curve(TRAINING))["data"][0]
    assert (trace["x"], trace["y"]) == ([0, 1, 2], [4.0, 2.0, 1.0])
    running = replace(TRAINING, state="running", loss_after_nats=float("nan"))
    assert drawn(draw_training_curve(running))["data"][0]["y"] == [4.0, 2.0]


def test_the_gradient_is_a_bar_a_part_with_its_name_escaped():
    trace = drawn(draw_gradient(TRAINING))["data"][0]
    assert trace["y"] == ["wte", "layer 0", "&lt;b&gt;"]
    np.testing.assert_allclose(trace["x"], [0.3, 0.4, 0.0], rtol=1e-6)


def test_how_it_ended_is_said():
    assert training_sentence(TRAINING) == (
        "2 steps on 3 sequences (1,200 tokens), the last ones in 2.0 s. The last step took the loss of what it read "
        "from 2.000 to 1.000 nats."
    )
    assert training_sentence(replace(TRAINING, state="stopped")).startswith("You stopped it. 2 steps")
    assert "as after 2 steps. Take a smaller learning rate" in training_sentence(replace(TRAINING, state="diverged"))
    none = np.zeros(0, np.float32)
    at_once = replace(TRAINING, state="stopped", losses_nats=none, gradient_norms=none)
    assert "before the first step" in training_sentence(at_once)
    assert "Step 2 of 4: loss 2.000 nats" in training_sentence(replace(TRAINING, state="running"))
    assert 'max="4" value="2"' in progress_html(TRAINING)


def test_the_plan_says_what_it_takes():
    plan = TrainingPlan("m#" + "0" * 32, "lora", "it was asked for", 1_000_000, 5_000, 4_100_000, 2_000_000_000)
    said = plan_sentence(plan)
    assert said.startswith("A copy of m (1,000,000 weights). LoRA adapters")
    assert "5,000, 0.5 % of it (it was asked for). It takes 4.1 MB of the 2 GB" in said


def test_losses_stand_beside_each_other():
    tokens = (Token(1, "a", "a"), Token(2, "<i>", "<i>"))
    zero = np.zeros(2, np.float32)
    page = tuple(TokenLoss(tokens, np.array([np.nan, nats], np.float32), zero, zero) for nats in (np.log(4), np.log(2)))
    text = (TrainedLoss(2.0, 5), TrainedLoss(1000.0, 5))
    table = losses_table(text, page, 1)
    assert "token 1, “&lt;i&gt;”: probability" in table
    assert '<td class="number">25.00 %</td><td class="number">50.00 %</td>' in table
    assert '<td class="number">7.39</td><td class="number">inf</td>' in table
    assert "probability" not in losses_table(text, page, 0)
    assert "<p>&lt;why&gt;</p>" in losses_table(text, None, 1, "<why>")
