"""Two texts: what the page and a program get of encoder-decoders and of pairs is what transformers computes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from playground.api.endpoints import Endpoints
from playground.backends import local
from playground.models.reading import accepted_types, cut_to
from playground.records import AttentionShape, PlaygroundError, ReadText, TextIds, Token
from tests.models.checkpoints import CONTEXT

SOURCE, TARGET = "The fox said to the girl", "une petite fille"
FIRST, SECOND = "The fox said to the girl, I'm going home.", "A little house by the wood."
PAIRS = ["bart", "marian", "t5"]


@pytest.fixture
def backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    return local.LocalBackend(["bert", *PAIRS, "gpt2"])


def expected_of(tiny, text):
    """Return transformers' own weights by kind  # each (head, query, key), and its logits."""
    start = tiny.reference.config.decoder_start_token_id
    source, target = torch.tensor([text.ids]), torch.tensor([[start, *text.target_ids]])
    with torch.no_grad():
        output = tiny.reference(input_ids=source, decoder_input_ids=target, output_attentions=True)
    kinds = {
        "encoder": output.encoder_attentions,
        "decoder": output.decoder_attentions,
        "cross": output.cross_attentions,
    }
    return {kind: [layer[0].numpy() for layer in layers] for kind, layers in kinds.items()}, output.logits[0]


@pytest.mark.parametrize("family", PAIRS)
def test_the_backend_gives_every_kind_of_an_encoder_decoder(backend, tiny, family):
    text = backend.read(family, SOURCE, TARGET).ids
    expected, _ = expected_of(tiny(family), text)
    shapes = backend.attention_shapes(family, text)
    assert [shape.kind for shape in shapes] == ["encoder", "decoder", "cross"]
    attention = tiny(family).lm.attention(SOURCE, TARGET)
    for shape in shapes:
        layers = expected[shape.kind]
        assert shape == AttentionShape(shape.kind, tuple(range(len(layers))), layers[0].shape[0])
        last_layer, last_head = len(layers) - 1, shape.n_heads - 1
        found = backend.head_map(family, text, last_layer, last_head, shape.kind)
        np.testing.assert_allclose(found.weights, layers[last_layer][last_head], atol=1e-5)
        np.testing.assert_array_equal(found.weights, attention.weights(last_layer, last_head, kind=shape.kind))
        assert (len(found.query_tokens), len(found.key_tokens)) == found.weights.shape
        rows = backend.head_rows(family, text, 1, shape.kind).weights
        np.testing.assert_allclose(rows, np.stack([layer[:, 1] for layer in layers]), atol=1e-5)
        maps = backend.layer_maps(family, text, last_layer, shape.kind)
        np.testing.assert_allclose(maps.weights, layers[last_layer], atol=1e-5)
        row = backend.query_key(family, text, last_layer, last_head, 1, shape.kind)
        np.testing.assert_allclose(row.weights, layers[last_layer][last_head, 1], atol=1e-5)
        tiles = backend.attention_summary(family, text, shape.kind).tiles
        np.testing.assert_allclose(tiles[last_layer, last_head] / 255, found.weights, atol=1 / 255)
        changed = backend.counterfactual_map(family, text, last_layer, last_head, [0], kind=shape.kind)
        np.testing.assert_allclose(changed.original, found.weights, atol=1e-6)
        assert changed.weights[:, 0].max() == 0
        for layer, head in ((last_layer + 1, 0), (0, last_head + 1), (-1, 0)):
            with pytest.raises(PlaygroundError, match="must be a whole number from 0 to"):
                backend.head_map(family, text, layer, head, shape.kind)


def test_sides_may_differ_in_layers_and_heads(backend):
    text = backend.read("marian", SOURCE, TARGET).ids
    found = {shape.kind: (len(shape.layers), shape.n_heads) for shape in backend.attention_shapes("marian", text)}
    assert found == {"encoder": (3, 4), "decoder": (2, 2), "cross": (2, 2)}
    # A text with a target is shuffled in its encoder, whose layers are of another number than the decoder's
    assert backend.shuffle_comparison("marian", text).changes.shape == (3, 4)


@pytest.mark.parametrize("family", PAIRS)
def test_the_target_has_the_probabilities_of_the_logits(backend, tiny, family):
    read = backend.read(family, SOURCE, TARGET)
    _, logits = expected_of(tiny(family), read.ids)
    scores = backend.score(family, read.ids)
    n_read = len(read.tokens) + 1
    assert [score.token.id for score in scores] == [token.id for token in (*read.tokens, *read.target_tokens)]
    assert {score.probability for score in scores[:n_read]} == {None}
    for place, score in enumerate(scores[n_read:]):
        expected = float(logits[place].softmax(-1)[score.token.id])
        assert score.probability == pytest.approx(expected, rel=1e-3, abs=1e-7)
        assert score.rank == 1 + int((logits[place] > logits[place, score.token.id]).sum())


@pytest.mark.parametrize("second", ["", "  \n"])
def test_without_a_target_there_is_the_encoder_alone(backend, tiny, second):
    read = backend.read("bart", SOURCE, second)
    assert [token.id for token in read.target_tokens] == [0]
    assert [shape.kind for shape in backend.attention_shapes("bart", read.ids)] == ["encoder"]
    for kind in ("decoder", "cross"):
        with pytest.raises(PlaygroundError, match=r"there is: encoder\. The target is empty: give what the"):
            backend.head_map("bart", read.ids, 0, 0, kind)
    with pytest.raises(PlaygroundError, match="The target is empty"):
        tiny("bart").lm.attention(SOURCE, second)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_repeated_tokens_show_the_heads_of_each_kind(backend, kind):
    found = backend.repeated_patterns("marian", kind)
    assert found.kind == kind
    assert found.scores.shape[1:] == ((3, 4) if kind == "encoder" else (2, 2))


def test_a_pair_is_read_with_its_types(backend, tiny):
    model = tiny("bert")
    read = backend.read("bert", FIRST, SECOND)
    own = model.lm.loaded.tokenizer(FIRST, SECOND)
    assert read.ids == TextIds(tuple(own["input_ids"]), (), tuple(own["token_type_ids"]), read.second_at)
    assert set(read.type_ids) == {0, 1}
    assert read.type_ids.index(1) == read.second_at
    assert "".join(token.text for token in read.tokens[: read.second_at]) == FIRST
    assert "".join(token.text for token in read.tokens[read.second_at :]) == SECOND
    inputs = {name: torch.tensor([values]) for name, values in own.items()}
    with torch.no_grad():
        output = model.reference(**inputs, output_attentions=True)
        untold = model.reference(input_ids=inputs["input_ids"], output_attentions=True)
    attention = model.lm.attention(FIRST, pair=SECOND)
    assert attention.second_at == read.second_at
    for layer, expected in enumerate(output.attentions):
        weights = backend.layer_maps("bert", read.ids, layer).weights
        np.testing.assert_allclose(weights, expected[0].numpy(), atol=1e-5)
        np.testing.assert_array_equal(weights, attention.weights(layer))
    assert np.abs(untold.attentions[0][0].numpy() - attention.weights(0)).max() > 0.01


def test_types_that_a_model_does_not_know_are_not_given(tiny):
    assert accepted_types(tiny("bert").lm.loaded, (0, 1)) == (0, 1)
    assert accepted_types(tiny("bert").lm.loaded, (0, 2)) == ()
    assert accepted_types(tiny("gpt2").lm.loaded, ()) == ()
    assert accepted_types(tiny("bart").lm.loaded, (0, 1)) == ()


def test_second_texts_are_for_those_that_read_them(tiny, backend):
    with pytest.raises(PlaygroundError, match="a second one is for encoders and encoder-decoders"):
        backend.read("gpt2", FIRST, SECOND)
    for family in ("gpt2", "bart"):
        with pytest.raises(PlaygroundError, match="A pair is two sentences"):
            tiny(family).lm.attention(FIRST, pair=SECOND)
    with pytest.raises(PlaygroundError, match="a target is for encoder-decoders"):
        backend.score("bert", TextIds((5, 6), (7,)))
    with pytest.raises(PlaygroundError, match="a type for each token"):
        backend.score("bert", TextIds((5, 6), (), (0,)))
    with pytest.raises(PlaygroundError, match="whole numbers from 0 to 399"):
        backend.score("bart", TextIds((5, 6), (400,)))
    assert tiny("bert").lm.attention(FIRST, pair=" ").second_at == 0


@pytest.mark.parametrize("family", ["gpt2", "bert", "bart"])
def test_what_is_beyond_the_context_is_left_out_and_counted(backend, tiny, family):
    long = "word and word " * 30
    whole = tiny(family).lm.tokenize(long)
    read = backend.read(family, long, cut=True)
    assert len(read.tokens) == CONTEXT
    assert read.n_left_out == len(whole) - CONTEXT
    own = tiny(family).lm.loaded.tokenizer(long, truncation=True, max_length=CONTEXT)["input_ids"]
    assert [token.id for token in read.tokens] == own
    assert len(backend.score(family, read.ids)) == CONTEXT
    with pytest.raises(PlaygroundError, match=f"the model reads {CONTEXT}: shorten it by at least"):
        backend.score(family, backend.read(family, long).ids)


def test_a_target_beyond_the_context_is_left_out_too(backend):
    read = backend.read("bart", SOURCE, "word and word " * 30, cut=True)
    assert len(read.target_tokens) == CONTEXT
    assert backend.read("bart", SOURCE, cut=True).n_left_out == 0
    with pytest.raises(PlaygroundError, match=f"The target has .* the model reads {CONTEXT}"):
        backend.score("bart", backend.read("bart", SOURCE, "word and word " * 30).ids)


def test_the_longer_sentence_loses_its_end():
    special = Token(0, "", "[SEP]", special=True)
    tokens = (special, *(Token(at, "x", "x") for at in range(1, 4)), special, Token(8, "y", "y"), special)
    cut = cut_to(ReadText(tokens, (), (0, 0, 0, 0, 0, 1, 1), 5), 5)
    assert [token.id for token in cut.tokens] == [0, 1, 0, 8, 0]
    assert (cut.type_ids, cut.second_at, cut.n_left_out) == ((0, 0, 0, 1, 1), 3, 2)
    assert cut_to(cut, 5) == replace(cut, n_left_out=0)


@pytest.mark.parametrize("family", PAIRS)
def test_a_program_gets_every_kind(backend, tiny, family):
    attention = tiny(family).lm.attention(SOURCE, TARGET)
    ask = Endpoints(backend).attention
    for kind in attention.kinds:
        answer = ask(SOURCE, model=family, layer=1, head=1, kind=kind, target=TARGET)
        np.testing.assert_allclose(np.array(answer["weights"]), attention.weights(1, 1, kind=kind), atol=1e-5)
        assert answer["kind"] == kind
        assert [token["id"] for token in answer["tokens"]] == [token.id for token in attention.tokens]
        assert [token["id"] for token in answer["target_tokens"]] == [token.id for token in attention.target_tokens]
    assert ask(SOURCE, model=family, target=TARGET)["kind"] == "cross"
    assert ask(SOURCE, model=family)["kind"] == "encoder"


def test_a_program_gets_a_pair(backend, tiny):
    expected = tiny("bert").lm.attention(FIRST, pair=SECOND).weights(1)
    answer = Endpoints(backend).attention(FIRST, model="bert", layer=1, pair=SECOND)
    np.testing.assert_allclose(np.array(answer["weights"]), expected, atol=1e-5)
    assert answer["kind"] == "self"


@pytest.mark.parametrize(
    ("family", "arguments", "message"),
    [
        ("bart", {"kind": "cross"}, "The target is empty"),
        ("bart", {"kind": "decoder", "target": " "}, "The target is empty"),
        ("bart", {"kind": "self", "target": TARGET}, "there is: encoder or decoder or cross"),
        ("bart", {"pair": SECOND}, "it takes no pair"),
        ("bart", {"kind": "encoder", "target": TARGET, "layer": 2}, "layer must be a whole number from 0 to 1"),
        ("bart", {"kind": "cross", "target": TARGET, "layer": 3}, "layer must be a whole number from 0 to 2"),
        ("marian", {"kind": "cross", "target": TARGET, "head": 2}, "head must be a whole number from 0 to 1"),
        ("bert", {"kind": "cross"}, "there is: self"),
        ("bert", {"target": TARGET}, "it takes no target"),
        ("gpt2", {"pair": SECOND}, "it takes no pair"),
        ("bart", {"target": "x" * 100_001}, "100,001 characters"),
        ("bart", {"target": 7}, "must be a text, not int"),
        ("bart", {"target": "word " * 100}, f"the model reads {CONTEXT}"),
    ],
)
def test_bad_questions_of_two_texts_are_answered(backend, family, arguments, message):
    with pytest.raises(PlaygroundError, match=message):
        Endpoints(backend).attention(SOURCE, model=family, **arguments)
