"""Attention is what transformers computes, of every family and kind."""

import threading

import numpy as np
import pytest
import torch

from playground.attention.interface import is_installed
from playground.attention.ranges import check_place
from playground.records import PlaygroundError
from tests.models.checkpoints import CONTEXT

TEXT = "Once upon a time there was a little girl."
READERS = ["gpt2", "llama", "gemma2", "gpt_oss", "gptj", "falcon", "bert"]


def reference_attentions(tiny, attention):
    ids = torch.tensor([[token.id for token in attention.tokens]])
    with torch.no_grad():
        output = tiny.reference(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True)
    return output, [layer[0].numpy() for layer in output.attentions]


@pytest.mark.parametrize("family", READERS)
def test_weights_are_those_of_eager_attention(tiny, family):
    model = tiny(family)
    attention = model.lm.attention(TEXT)
    _, expected = reference_attentions(model, attention)
    assert attention.kinds == ("self",)
    assert (attention.n_layers, attention.n_heads) == (len(expected), len(expected[0])) == (2, 4)
    for layer, weights in enumerate(expected):
        found = attention.weights(layer)
        assert found.dtype == np.float32
        assert found.shape == (4, len(attention.tokens), len(attention.tokens))
        np.testing.assert_allclose(found, weights, atol=1e-5)
        np.testing.assert_array_equal(attention.weights(layer, 2), found[2])
        if family != "gpt_oss":  # its heads may look at nothing at all
            np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-5)
    assert is_installed(model.lm.loaded.model) == (family not in ("gptj", "falcon"))


def test_the_families_of_the_test_differ_as_they_should(tiny):
    """The weights of sinks do not sum to 1, a window hides what is far, and two-way attention looks ahead."""
    assert tiny("gpt_oss").lm.attention(TEXT).weights(0).sum(-1).min() < 0.9
    assert tiny("gemma2").lm.attention(TEXT).weights(0)[:, 8, 0].max() == 0.0
    assert tiny("bert").lm.attention(TEXT).weights(0)[:, 0, 5].min() > 0.0
    assert tiny("gpt2").lm.attention(TEXT).weights(0)[:, 0, 1:].max() == 0.0


@pytest.mark.parametrize("family", ["bart", "marian", "t5"])
def test_weights_of_encoder_decoders(tiny, family):
    model = tiny(family)
    attention = model.lm.attention(TEXT, "une petite fille")
    source = torch.tensor([[token.id for token in attention.tokens]])
    target = torch.tensor([[token.id for token in attention.target_tokens]])
    assert target[0, 0] == model.reference.config.decoder_start_token_id
    with torch.no_grad():
        output = model.reference(input_ids=source, decoder_input_ids=target, output_attentions=True)
    expected = {
        "encoder": output.encoder_attentions,
        "decoder": output.decoder_attentions,
        "cross": output.cross_attentions,
    }
    assert attention.kinds == ("encoder", "decoder", "cross")
    for kind, layers in expected.items():
        for layer, weights in enumerate(layers):
            np.testing.assert_allclose(attention.weights(layer, kind=kind), weights[0].numpy(), atol=1e-5)
        with pytest.raises(PlaygroundError, match=f"layer must be .* 0 to {len(layers) - 1}"):
            attention.weights(len(layers), kind=kind)
        summary = attention.summary(kind)
        assert summary.tiles.shape[2:] == (len(attention.query_tokens(kind)), len(attention.key_tokens(kind)))
    assert attention.weights(0, kind="cross").shape[1:] == (target.shape[1], source.shape[1])
    with pytest.raises(PlaygroundError, match="'self' here; there is: encoder or decoder or cross"):
        attention.weights(0)


@pytest.mark.parametrize("family", ["bart", "marian", "t5"])
def test_what_an_encoder_decoder_wrote_is_its_target(tiny, family):
    lm = tiny(family).lm
    record = lm.generate(TEXT, max_new_tokens=6)
    attention = lm.attention(record)
    assert tuple(token.id for token in attention.target_tokens[1:]) == record.token_ids
    again = lm.attention(record.prompt_ids, record.token_ids)
    np.testing.assert_array_equal(again.weights(1, kind="cross"), attention.weights(1, kind="cross"))
    assert lm.attention(TEXT).kinds == ("encoder",)
    np.testing.assert_allclose(
        lm.attention(TEXT).weights(1, kind="encoder"), attention.weights(1, kind="encoder"), atol=1e-6
    )


def test_a_decoder_takes_no_target(tiny):
    with pytest.raises(PlaygroundError, match="a target is for encoder-decoders"):
        tiny("gpt2").lm.attention(TEXT, "more")


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss", "gptj", "falcon"])
def test_scores_are_those_of_the_logits(tiny, family):
    model = tiny(family)
    attention = model.lm.attention(TEXT)
    output, _ = reference_attentions(model, attention)
    scores = attention.scores
    assert (scores[0].probability, scores[0].rank) == (None, None)
    for place, score in enumerate(scores[1:], start=1):
        row = output.logits[0, place - 1].float()
        assert score.token == attention.tokens[place]
        assert score.probability == pytest.approx(float(row.softmax(-1)[score.token.id]), rel=1e-3, abs=1e-7)
        assert score.rank == 1 + int((row > row[score.token.id]).sum())
    assert model.lm.score(TEXT) == scores


def test_an_encoder_predicts_no_token_from_those_before(tiny):
    assert {score.probability for score in tiny("bert").lm.score(TEXT)} == {None}


def test_generated_text_is_read_as_it_was_written(tiny):
    lm = tiny("gpt2").lm
    record = lm.generate(TEXT, temperature=2.0, top_k=0, max_new_tokens=12)
    attention = lm.attention(record)
    assert tuple(token.id for token in attention.tokens) == record.ids
    np.testing.assert_array_equal(attention.weights(1), lm.attention(record.ids).weights(1))
    for score, step in zip(attention.scores[-12:], record.steps, strict=True):
        assert score.probability == pytest.approx(step.chosen.raw_probability, rel=1e-3, abs=1e-7)
        assert score.rank == step.rank


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gpt_oss", "bert"])
def test_query_key_adds_up(tiny, family):
    attention = tiny(family).lm.attention(TEXT)
    call = attention._capture.layers["self"].calls[1]
    row = attention.query_key(1, 3, 7)
    np.testing.assert_allclose(row.raw, row.k @ row.q, rtol=1e-4, atol=1e-5)
    scaled = row.raw * call.scaling
    if call.softcap:
        scaled = call.softcap * np.tanh(scaled / call.softcap)
    np.testing.assert_allclose(row.scaled, scaled, rtol=1e-4, atol=1e-5)
    visible = np.isfinite(row.masked)
    np.testing.assert_array_equal(row.masked[visible], row.scaled[visible])
    assert visible.tolist() == [family == "bert" or key <= 7 for key in range(len(row.raw))]
    np.testing.assert_allclose(row.weights, attention.weights(1, 3)[7], atol=1e-6)
    np.testing.assert_allclose(row.output, row.weights @ row.v, rtol=1e-4, atol=1e-5)
    assert row.query_token == attention.tokens[7]


def test_rows_and_maps_are_parts_of_the_weights(tiny):
    attention = tiny("llama").lm.attention(TEXT)
    rows = attention.rows(5)
    assert rows.weights.shape == (2, 4, len(attention.tokens))
    for layer in range(2):
        np.testing.assert_allclose(rows.weights[layer], attention.weights(layer)[:, 5], atol=1e-6)
        np.testing.assert_array_equal(attention.layer_maps(layer).weights, attention.weights(layer))
    np.testing.assert_array_equal(attention.head_map(1, 2).weights, attention.weights(1, 2))
    assert attention.head_map(1, 2).query_tokens == attention.tokens


@pytest.mark.parametrize("max_tile", [48, 7])
def test_summary_is_the_maximum_of_blocks(tiny, max_tile):
    attention = tiny("gpt2").lm.attention(TEXT)
    n_tokens = len(attention.tokens)
    tiles = attention.summary(max_tile=max_tile).tiles
    size = -(-n_tokens // max_tile)
    assert tiles.dtype == np.uint8
    assert max(tiles.shape[2:]) <= max_tile
    for layer, head, row, column in np.ndindex(tiles.shape):
        block = attention.weights(layer, head)[row * size : (row + 1) * size, column * size : (column + 1) * size]
        assert tiles[layer, head, row, column] == round(float(block.max()) * 255)


@pytest.mark.parametrize("place", [-1, 2, 10**9, True])
def test_places_out_of_range_are_refused(tiny, place):
    attention = tiny("gpt2").lm.attention(TEXT)
    asks = [
        lambda: attention.weights(place),
        lambda: attention.head_map(place, 0),
        lambda: attention.layer_maps(place),
        lambda: attention.query_key(place, 0, 0),
    ]
    for ask in asks:
        with pytest.raises(PlaygroundError, match=r"layer must be a whole number from 0 to 1, not"):
            ask()


@pytest.mark.parametrize("place", [1.0, "0", None, float("nan"), [1]])
def test_places_that_are_no_whole_numbers_are_refused(place):
    with pytest.raises(PlaygroundError, match="head must be a whole number from 0 to 3"):
        check_place("head", place, 4)
    assert check_place("head", np.int64(3), 4) == 3


def test_heads_queries_and_kinds_out_of_range_are_refused(tiny):
    attention = tiny("gpt2").lm.attention(TEXT)
    last = len(attention.tokens) - 1
    with pytest.raises(PlaygroundError, match="head must be a whole number from 0 to 3, not 4"):
        attention.weights(0, 4)
    with pytest.raises(PlaygroundError, match="head must be a whole number from 0 to 3, not -1"):
        attention.head_map(0, -1)
    for ask in (attention.rows, lambda query: attention.query_key(0, 0, query)):
        with pytest.raises(PlaygroundError, match=f"query must be a whole number from 0 to {last}, not {last + 1}"):
            ask(last + 1)
    with pytest.raises(PlaygroundError, match="no attention of the kind 'cross' here; there is: self"):
        attention.summary("cross")


@pytest.mark.parametrize("ids", [(), (-1,), (400,), (10**12,), (True,)])
def test_ids_that_are_none_are_refused(tiny, ids):
    with pytest.raises(PlaygroundError, match="whole numbers from 0 to 399"):
        tiny("gpt2").lm.attention(ids)


@pytest.mark.parametrize("family", ["gpt2", "bert", "bart"])
def test_text_beyond_the_context(tiny, family):
    with pytest.raises(PlaygroundError, match=f"the model reads {CONTEXT}: shorten it by at least"):
        tiny(family).lm.attention("word and word " * 30)


def test_captures_of_two_threads_see_only_their_own(tiny):
    lm = tiny("llama").lm
    texts = {index: "girl " * (3 + 5 * index) for index in range(4)}
    alone = {index: lm.attention(text).weights(1) for index, text in texts.items()}
    wrong = []
    barrier = threading.Barrier(5)

    def look(index):
        barrier.wait()
        for _ in range(10):
            attention = lm.attention(texts[index])
            if attention.n_layers != 2 or not np.allclose(attention.weights(1), alone[index], atol=1e-6):
                wrong.append(index)

    def write():
        barrier.wait()
        lm.generate(TEXT, max_new_tokens=30)

    threads = [threading.Thread(target=look, args=(index,)) for index in texts] + [threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("family", ["gptj", "falcon"])
def test_the_fallback_switches_back(tiny, family):
    model = tiny(family).lm.loaded.model
    before = model.config._attn_implementation
    tiny(family).lm.attention(TEXT)
    assert model.config._attn_implementation == before
    assert not model.config.output_attentions


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "gemma2", "gpt_oss", "t5"])
def test_looking_changes_nothing(tiny, family):
    """Logits with a capture, without one, and with eager attention agree."""
    model = tiny(family)
    ids = torch.tensor([[token.id for token in model.lm.tokenize(TEXT)]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if family == "t5":
        inputs["decoder_input_ids"] = ids
    with torch.no_grad():
        expected = model.reference(**inputs).logits
        found = model.lm.loaded.model(**inputs).logits
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
