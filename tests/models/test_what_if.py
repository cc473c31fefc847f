"""Switching parts off does what it says, in the model and nowhere else."""

import threading

import numpy as np
import pytest
import torch

import playground
from playground.analysis.original import Original
from playground.backends import local
from playground.models.anatomy import anatomy_of
from playground.models.hooks import hooked
from playground.records import Change, PlaygroundError, ReadText, TextIds, Token
from tests.models.families import (
    DECODERS,
    ENCODER_DECODERS,
    FAMILIES,
    IDS,
    SOURCE_IDS,
    reference_inputs,
    text_of,
    tiny_lm,
)

WITH_INTERFACE = ("gpt2", "llama", "gemma2", "gpt_oss", "opt", "qwen3", "mistral", "cohere", "bart", "t5")
TOKEN = 5


def text_ids(family):
    return TextIds(SOURCE_IDS, IDS) if family in ENCODER_DECODERS else TextIds(IDS)


def zeroed(lm, family, layer, head):
    """As anyone would do it with transformers: a hook that zeroes a slice of the input of the output projection."""
    heads = anatomy_of(lm.loaded).blocks[layer].heads["self"]
    width = None

    def zero(_, args):
        nonlocal width
        mixed = args[0].clone()
        width = mixed.shape[-1] // heads.n_heads
        mixed[..., head * width : (head + 1) * width] = 0
        return (mixed, *args[1:])

    handle = heads.projection.register_forward_pre_hook(zero)
    try:
        with torch.inference_mode():
            return lm.loaded.model(**reference_inputs(lm, family)).logits[0]
    finally:
        handle.remove()


def plain(lm, family):
    with torch.inference_mode():
        return lm.loaded.model(**reference_inputs(lm, family)).logits[0]


def probabilities(result):
    return {candidate.id: candidate.probability for candidate in result.candidates}


def assert_distribution(result, logits):
    expected = logits[max(0, result.token - 1)].float().softmax(-1)
    for id, probability in probabilities(result).items():
        assert probability == pytest.approx(float(expected[id]), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_off_is_its_slice_of_the_projection_zeroed(family):
    lm = tiny_lm(family)
    result = lm.what_if(text_ids(family), TOKEN, Change(heads=((1, 2),)))
    expected = zeroed(lm, family, 1, 2)
    assert_distribution(result, expected)
    following = torch.tensor([token.id for token in result.tokens[1:]])
    losses = torch.nn.functional.cross_entropy(expected[: len(following)].float(), following, reduction="none")
    np.testing.assert_allclose(result.loss_nats[1:], losses, rtol=1e-3, atol=1e-4)
    original = lm.token_loss(**text_of(family)).losses_nats
    np.testing.assert_allclose(result.original_loss_nats, original, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_off_changes_nothing(family):
    lm = tiny_lm(family)
    result = lm.what_if(text_ids(family), TOKEN, Change())
    assert [candidate.probability for candidate in result.candidates] == [
        candidate.raw_probability for candidate in result.candidates
    ]
    assert result.divergence_nats == 0
    np.testing.assert_array_equal(result.loss_nats, result.original_loss_nats)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gptj", "falcon", "opt", "cohere", "bloom"])
def test_all_heads_off_leave_the_path_of_the_mlps(family):
    """Without heads no token knows of another: the last one is predicted as if it stood alone at its place."""
    lm = tiny_lm(family)
    every = tuple((layer, head) for layer in range(lm.spec.n_layers) for head in range(lm.spec.n_query_heads))
    change = Change(heads=every)
    result = lm.what_if(list(IDS), len(IDS) - 1, change)
    other = [9, 8, 7, 6, 5, 4, 3, *IDS[-2:]]
    again = lm.what_if(other, len(other) - 1, change)
    found, expected = probabilities(again), probabilities(result)
    for id in found.keys() & expected.keys():
        assert found[id] == pytest.approx(expected[id], rel=1e-3)
    assert max(expected, key=expected.get) == max(found, key=found.get)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_off_passes_on_what_it_is_given(family):
    lm = tiny_lm(family)
    anatomy = anatomy_of(lm.loaded)
    all_off = lm.what_if(text_ids(family), TOKEN, Change(layers=tuple(range(len(anatomy.blocks)))))
    first = lm.logit_lens(lm.residuals(**text_of(family)), TOKEN - 1)
    best = first.candidates[0][TOKEN - 1 - first.start][0].id
    found = probabilities(all_off)
    assert max(found, key=found.get) == best
    assert found[best] == pytest.approx(float(first.probabilities[0, TOKEN - 1 - first.start, 0]), rel=1e-3)


@pytest.mark.parametrize("family", WITH_INTERFACE)
def test_an_edge_cut_everywhere_hides_the_token_from_it(family):
    """A token that may look at itself alone is predicted as if it stood alone, at the same place."""
    lm = tiny_lm(family)
    edges = tuple((TOKEN - 1, other) for other in range(TOKEN - 1))
    result = lm.what_if(text_ids(family), TOKEN, Change(edges=edges))
    if family in ENCODER_DECODERS:
        changed = TextIds(SOURCE_IDS, (*[11] * (TOKEN - 2), *IDS[TOKEN - 2 :]))
    else:
        changed = TextIds((*[11] * (TOKEN - 1), *IDS[TOKEN - 1 :]))
    again = lm.what_if(changed, TOKEN, Change(edges=edges))
    found, expected = probabilities(again), probabilities(result)
    for id in found.keys() & expected.keys():
        assert found[id] == pytest.approx(expected[id], rel=1e-3, abs=1e-6)
    assert result.divergence_nats > 0


@pytest.mark.parametrize("family", [family for family in WITH_INTERFACE if family not in ("bart", "t5")])
def test_uniform_heads_pass_on_the_mean_of_what_they_may_look_at(family):
    lm = tiny_lm(family)
    layer, head = 0, 3
    call = lm.attention(list(IDS))._capture.layers["self"].calls[layer]
    weights = lm.attention(list(IDS)).weights(layer, head)
    allowed = torch.from_numpy((weights > 0).astype(np.float32))
    values = call.value[0, head // (call.query.shape[1] // call.value.shape[1])]
    expected = allowed / allowed.sum(-1, keepdim=True) @ values
    heads = anatomy_of(lm.loaded).blocks[layer].heads["self"]

    def spread(_, args):
        mixed = args[0].clone()
        width = mixed.shape[-1] // heads.n_heads
        mixed.reshape(-1, mixed.shape[-1])[:, head * width : (head + 1) * width] = expected
        return (mixed, *args[1:])

    handle = heads.projection.register_forward_pre_hook(spread)
    try:
        with torch.inference_mode():
            logits = lm.loaded.model(input_ids=torch.tensor([IDS])).logits[0]
    finally:
        handle.remove()
    assert_distribution(lm.what_if(list(IDS), TOKEN, Change(heads=((layer, head),), how="uniform")), logits)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", ["zero", "mean"])
def test_the_map_of_heads_is_each_head_off_in_turn(family, how):
    lm = tiny_lm(family)
    found = list(lm.head_importance(text_ids(family), TOKEN, how))
    last = found[-1]
    assert last.n_done == last.n_heads == sum(len(row) for row in last.changes)
    assert not np.isnan(last.changes).any()
    for layer, head in ((0, 0), (0, 3), (1, 1)) if how == "zero" else ():
        result = lm.what_if(text_ids(family), TOKEN, Change(heads=((layer, head),)))
        expected = result.original_loss_nats[TOKEN] - result.loss_nats[TOKEN]
        assert last.changes[layer, head] == pytest.approx(float(expected), abs=2e-3)
    assert last.log_prob == pytest.approx(-float(lm.token_loss(**text_of(family)).losses_nats[TOKEN]), abs=1e-3)


@pytest.mark.parametrize("family", ["gpt2", "gptj", "llama"])
def test_the_mean_of_a_head_is_that_over_the_tokens_before_it(family):
    lm = tiny_lm(family)
    last = list(lm.head_importance(list(IDS), len(IDS) - 1, "mean"))[-1]
    result = lm.what_if(list(IDS[:-1]), len(IDS) - 2, Change(heads=((1, 1),), how="mean"))
    heads = anatomy_of(lm.loaded).blocks[1].heads["self"]

    def flatten(_, args):
        mixed = args[0].clone()
        width = mixed.shape[-1] // heads.n_heads
        part = slice(width, 2 * width)
        mixed[..., part] = mixed[..., part].mean(dim=-2, keepdim=True)
        return (mixed, *args[1:])

    handle = heads.projection.register_forward_pre_hook(flatten)
    try:
        with torch.inference_mode():
            logits = lm.loaded.model(input_ids=torch.tensor([IDS[:-1]])).logits[0].float().log_softmax(-1)
    finally:
        handle.remove()
    assert last.changes[1, 1] == pytest.approx(float(logits[-1, IDS[-1]]) - last.log_prob, abs=2e-3)
    assert result.loss_nats[-1] == pytest.approx(-float(logits[-2, IDS[-2]]), abs=2e-3)


@pytest.mark.parametrize("family", ["gpt2", "llama", "bart", "t5"])
def test_the_map_of_uniform_heads(family):
    lm = tiny_lm(family)
    last = list(lm.head_importance(text_ids(family), TOKEN, "uniform"))[-1]
    for layer, head in ((0, 1), (1, 2)):
        result = lm.what_if(text_ids(family), TOKEN, Change(heads=((layer, head),), how="uniform"))
        expected = result.original_loss_nats[TOKEN] - result.loss_nats[TOKEN]
        assert last.changes[layer, head] == pytest.approx(float(expected), abs=2e-3)


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_heads_that_look_at_the_source(family):
    lm = tiny_lm(family)
    last = list(lm.head_importance(text_ids(family), TOKEN, "zero", "cross"))[-1]
    result = lm.what_if(text_ids(family), TOKEN, Change(heads=((1, 0),), kind="cross"))
    expected = result.original_loss_nats[TOKEN] - result.loss_nats[TOKEN]
    assert last.changes[1, 0] == pytest.approx(float(expected), abs=2e-3)
    assert abs(float(expected)) > 1e-4


@pytest.mark.parametrize(("family", "narrow"), [("gpt2", True), ("falcon", True), ("bloom", True), ("opt", False)])
def test_what_no_head_changes_is_not_computed_again(family, narrow, monkeypatch):
    """The last layer reads what follows its attention for one token, and a changed layer's heads look once."""
    lm = tiny_lm(family)
    read = ReadText(tuple(Token(id, "", "") for id in IDS))
    with torch.inference_mode():
        original = Original(lm.loaded, read, TOKEN, "self")
    assert original.is_narrow is narrow
    last = original.anatomy.blocks[-1]
    rows = []
    with torch.inference_mode(), hooked(lm.loaded.model) as hooks:
        original.start_at(hooks, 1, 3)
        original.narrow(hooks)
        hooks.after(last.heads["self"].projection, lambda state: rows.append(state.shape[:2]))
        found = original.log_probs(hooks.model, 3)
    assert rows == [(3, 1 if narrow else TOKEN)]
    np.testing.assert_allclose(found.numpy(), original.log_prob, atol=2e-3)
    looked = []
    attention = type(last.heads["self"].attention)
    forward = attention.forward
    monkeypatch.setattr(attention, "forward", lambda *args, **kwargs: looked.append(1) or forward(*args, **kwargs))
    with torch.inference_mode(), hooked(lm.loaded.model) as hooks:
        original.start_at(hooks, 1, 3)
        original.attend(hooks, 1, 3)
        found = original.log_probs(hooks.model, 3)
    assert looked == ([1] if family == "bloom" else [])  # Bloom's adds the residual stream itself
    np.testing.assert_allclose(found.numpy(), original.log_prob, atol=2e-3)


def test_it_ends_when_it_is_stopped():
    lm = tiny_lm("gpt2")
    switch = threading.Event()
    found = []
    for one in lm.head_importance(list(IDS), TOKEN, cancel=switch):
        found.append(one)
        switch.set()
    assert len(found) == 1
    assert np.isnan(found[0].changes[0]).all()
    written = lm.write_changed(list(IDS), TOKEN, Change(), 5, switch)
    assert written.original == ()
    assert not written.is_complete


@pytest.mark.parametrize("family", ["gpt2", "gptj", "bart", "t5"])
def test_what_is_written_on(family):
    lm = tiny_lm(family)
    written = lm.write_changed(text_ids(family), TOKEN, Change(heads=((0, 1),)), 6)
    start = [token.id for token in written.start]
    assert len(start) == TOKEN
    model = lm.loaded.model
    ids = list(start)
    for token in written.original:
        inputs = reference_inputs(lm, family)
        inputs["decoder_input_ids" if family in ENCODER_DECODERS else "input_ids"] = torch.tensor([ids])
        with torch.inference_mode():
            assert token.id == int(model(**inputs).logits[0, -1].argmax())
        ids.append(token.id)
    assert written.is_complete
    assert lm.write_changed(text_ids(family), TOKEN, Change(), 6).changed == written.original


def test_nothing_stays_behind(monkeypatch):
    lm = tiny_lm("llama")
    before = plain(lm, "llama")
    lm.what_if(list(IDS), TOKEN, Change(heads=((0, 1),), how="uniform", layers=(1,), edges=((4, 1),)))
    list(lm.head_importance(list(IDS), TOKEN))
    assert torch.equal(plain(lm, "llama"), before)


@pytest.mark.parametrize("name", ["stories", "translator"])
def test_of_the_bundled_models(name):
    lm = playground.load(name)
    if name == "stories":
        text = lm.read("Once upon a time there was a little girl. The little girl").ids
        kind = "self"
    else:
        text = lm.read("the cat sees the dog.", "le chat voit le chien.").ids
        kind = "cross"
    last = list(lm.head_importance(text, 4, "zero", kind))[-1]
    place = np.unravel_index(int(np.nanargmin(last.changes)), last.changes.shape)
    change = Change(heads=((int(place[0]), int(place[1])),), kind=kind)
    result = lm.what_if(text, 4, change)
    expected = float(result.original_loss_nats[4] - result.loss_nats[4])
    assert float(last.changes[place]) == pytest.approx(expected, abs=2e-3)
    assert expected < 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(heads=((2, 0),)), "no layer 2"),
        (Change(heads=((0, 4),)), "has no head 4"),
        (Change(layers=(-1,)), "no layer -1"),
        (Change(edges=((3, 5),)), "does not look at token 5 anyway"),
        (Change(edges=((99, 5),)), "two numbers from 0 to 8"),
        (Change(edges=((0, 0),)), "nothing left to look at"),
        (Change(edges=((2, 0), (2, 1), (2, 2))), "Token 2 would have nothing left"),
        (Change(heads=((0, 0),), kind="cross"), "no heads of this kind"),
    ],
)
def test_what_there_is_not_to_switch_off(change, message):
    with pytest.raises(PlaygroundError, match=message):
        tiny_lm("gpt2").what_if(list(IDS), TOKEN, change)


def test_other_bad_input(tiny):
    lm = tiny_lm("gpt2")
    with pytest.raises(PlaygroundError, match="token must be a whole number from 0 to 8"):
        lm.what_if(list(IDS), 9, Change())
    with pytest.raises(PlaygroundError, match="no head chose it"):
        list(lm.head_importance([5], 0))
    assert lm.what_if([5], 0, Change(heads=((0, 0),))).loss_nats.shape == (1,)
    with pytest.raises(PlaygroundError, match="is an encoder"):
        tiny("bert").lm.what_if([1, 2, 3], 1, Change())
    for change in (Change(heads=((0, 0),), how="uniform"), Change(edges=((3, 1),))):
        with pytest.raises(PlaygroundError, match="cannot be changed from outside"):
            tiny_lm("gptj").what_if(list(IDS), TOKEN, change)
    with pytest.raises(PlaygroundError, match="Write 1 to 60 tokens"):
        lm.write_changed(list(IDS), 2, Change(), 0)


def test_attention_beside_it(monkeypatch):
    from scipy.stats import spearmanr

    lm = tiny_lm("gpt2")
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: lm)
    backend = local.LocalBackend(["gpt2"])
    text, switch = TextIds(IDS), threading.Event()
    importance = list(backend.head_importance("gpt2", text, TOKEN, "zero", "self", switch))[-1]
    found = backend.attention_explains("gpt2", text, importance)
    rows = lm.attention(list(IDS)).rows(TOKEN - 1)
    np.testing.assert_allclose(found.weights, rows.weights[:, :, 1:].max(-1))
    expected = spearmanr(found.weights.flatten(), np.abs(importance.changes).flatten())
    assert found.correlation == pytest.approx(expected.statistic)
    assert backend.what_if("gpt2", text, TOKEN, Change()).divergence_nats == 0
    assert backend.write_changed("gpt2", text, TOKEN, Change(), 3, switch).is_complete
    first = list(backend.head_importance("gpt2", text, 1, "zero", "self", switch))[-1]
    assert np.isnan(backend.attention_explains("gpt2", text, first).correlation)  # it can look at the first token only


@pytest.mark.parametrize("family", DECODERS)
def test_the_layers_run_apart(family):
    """What the map rests on: a copy with all heads gives what the model gives (else it is refused)."""
    assert next(iter(tiny_lm(family).head_importance(list(IDS), TOKEN))).n_done > 0
