"""What the browser sends with an event may be anything."""

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from playground.records import (
    Candidate,
    GenerationRecord,
    GenerationSettings,
    ModelSpec,
    PlaygroundError,
    ReadText,
    Step,
    Token,
)
from playground.ui.model_choice import ModelChoice
from playground.ui.room import analysis_line, checked_writer, one_text_line, room_line, two_texts_line, unknown_line
from playground.ui.selection import place_in
from playground.ui.status import describe_run, status_line
from playground.ui.text_panel import EXAMPLES, prompts_for
from playground.ui.visit import Visit


class Event:
    def __init__(self, index):
        self.index = index


@pytest.mark.parametrize(
    ("index", "axis", "place"),
    [
        (3, 0, 3),
        ([2, 5], 1, 5),
        ([2], 1, 0),
        (99, 0, 9),
        (-4, 0, 0),
        ("7", 0, 0),
        (None, 0, 0),
        ({"a": 1}, 0, 0),
        (float("nan"), 0, 0),
        (True, 0, 0),
        ([[1]], 0, 0),
    ],
)
def test_an_index_from_the_browser_is_kept_in_range(index, axis, place):
    assert place_in(Event(index), axis, 10) == place


def test_an_event_without_an_index_is_the_first():
    assert place_in(object(), 0, 10) == 0


def test_room_says_what_fits_before_anything_is_cut():
    assert "4 + 64 of 512" in one_text_line(4, 64, 512)
    assert "stop after 12." in one_text_line(500, 64, 512)
    assert "shorten it by at least 1." in one_text_line(512, 64, 512)
    assert "shorten it by at least 9." in one_text_line(520, 1, 512)
    assert "9 tokens" in one_text_line(9, 64, None)


def test_an_encoder_decoder_reads_and_writes_beside_each_other():
    assert "15 of 64 tokens to read, at most 8 of 63 to write" in two_texts_line(15, 8, 64)
    assert "it will stop after 63 new ones" in two_texts_line(64, 100, 64)
    assert "shorten it by at least 1." in two_texts_line(65, 1, 64)
    assert "15 tokens to read, at most 8 to write" in two_texts_line(15, 8, None)


def test_an_encoder_says_why_it_does_not_write_and_what_to_do():
    spec = ModelSpec("<b>", "encoder", "Bert", 2, 4, 4, 32, 400, 64, 1000, "float32", "cpu")
    assert "8 of 64 tokens. &lt;b&gt; is an encoder: it reads a text from both sides" in room_line(spec, 8, 64)
    with pytest.raises(PlaygroundError, match="Press “Analyse without generating”"):
        checked_writer(spec)
    assert checked_writer(replace(spec, kind="decoder")) == "decoder"


def test_an_analysis_says_what_was_left_out_and_what_is_missing():
    spec = ModelSpec("m", "encoder-decoder", "Bart", 2, 4, 4, 32, 400, 64, 1000, "float32", "cpu")
    token = Token(1, "x", "x")
    assert "3 tokens, read without generating." in analysis_line(ReadText((token,), (token, token)), spec)
    assert "The target is empty" in analysis_line(ReadText((token,), (token,)), spec)
    cut = analysis_line(ReadText((token,), (token, token), n_left_out=7), spec)
    assert "The model reads 64: the last 7 were left out." in cut
    assert "The target is empty" not in cut


def test_a_status_is_escaped_and_errors_are_announced():
    assert status_line("<b>", "error") == '<p class="status status-error" role="alert">&lt;b&gt;</p>'
    assert 'role="status"' in status_line("fine")


@pytest.mark.parametrize(
    ("reason", "n", "words"),
    [
        ("stopped", 2, "2 tokens in 0.5 s (4 a second); ended because you stopped it."),
        ("context", 1, "1 token in 0.5 s (2 a second); ended because the model's context is full."),
        ("length", 2, "2 tokens in 0.5 s (4 a second); ended because it has the length that you asked for."),
        ("paused", 1, "1 token so far, one at a time."),
        ("paused", 2, "2 tokens so far, one at a time."),
    ],
)
def test_a_run_is_described_by_what_it_did(reason, n, words):
    token = Token(1, "x", "x")
    step = Step(0, Candidate(1, "x", "x", 0.5, 0.5), 1, (), 1.0, 1, token)
    record = GenerationRecord(
        "m", "p", GenerationSettings(), "x" * n, (1,), (1,) * n, (token,), (step,) * n, reason, None, 0.5
    )
    assert describe_run(record) == words


def test_words_that_the_model_never_read_are_named_and_escaped():
    assert unknown_line(()) == ""
    assert "“xyz” is no word that it knows" in unknown_line(["xyz"])
    line = unknown_line(["<b>"] + ["z" * 99] * 9)
    assert "&lt;b&gt;" in line
    assert "z" * 25 not in line
    assert "and more are no words" in line


def test_a_model_offers_its_own_examples_and_another_the_common_ones():
    backend = SimpleNamespace(examples=lambda model: ("a b", "c") * 4 if model == "ours" else ())
    assert prompts_for(backend, "ours") == ("a b", "c", "a b", "c", "a b")
    assert prompts_for(backend, "any") == EXAMPLES


@pytest.mark.parametrize(("typed", "shown"), [("of one", "of two"), ("typed by hand", None), ("of two", None)])
def test_another_model_takes_the_place_of_an_example_and_of_nothing_else(typed, shown):
    backend = SimpleNamespace(
        models=lambda: ("one", "two"),
        examples=lambda model: (f"of {model}",),
        spec=lambda model: SimpleNamespace(kind="decoder"),
    )
    panel = SimpleNamespace(
        prompt="prompt",
        tokens="tokens",
        second="second",
        generate="generate",
        analyse="analyse",
        status="status",
        examples=("button",),
    )
    compression = SimpleNamespace(offer=lambda backend, model, method: {"method": (model, method)})
    decoding = SimpleNamespace(for_writers=("settings",))
    choice = ModelChoice(backend, None, panel, decoding, SimpleNamespace(kind="kind"), compression)
    answer = choice.on_model("two", typed, Visit(), "int8")
    assert answer["method"] == ("two", "int8")
    assert answer["settings"]["visible"]
    assert answer["prompt"] == (shown or gr.skip())
    assert answer["button"].value == "of two"
