"""Attention is what transformers computes, of every architecture that it registers as a language model."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
import transformers
from huggingface_hub.errors import StrictDataclassClassValidationError

import playground
from playground.attention.interface import capture_calls
from playground.records import PlaygroundError
from tests.models import architectures, checkpoints, layouts
from tests.models.shrinking import SPREAD, build

OUTPUTS = {
    "self": "attentions",
    "encoder": "encoder_attentions",
    "decoder": "decoder_attentions",
    "cross": "cross_attentions",
}
IDS = tuple(torch.randint(10, 60, (11,), generator=torch.Generator().manual_seed(5)).tolist())
TARGET_IDS = tuple(torch.randint(10, 60, (7,), generator=torch.Generator().manual_seed(6)).tolist())

HOW_IT_FAILS = {
    "mra": (PlaygroundError, "has no attention to look at"),
    "yoso": (PlaygroundError, "has no attention to look at"),
    "perceiver": (PlaygroundError, "has no attention to look at"),
    "gemma3n": (ImportError, "requires the timm library"),
    "musicgen": (PlaygroundError, "cannot read a text of 11 tokens as it is"),
    "musicgen_melody": (PlaygroundError, "cannot read a text of 11 tokens as it is"),
    "voxtral_realtime": (PlaygroundError, "cannot read a text of 11 tokens as it is"),
    "gemma4_assistant": (StrictDataclassClassValidationError, "hidden_size_per_layer_input must"),
    "gemma4_unified_assistant": (ValueError, "layer types producing a cache"),
}

# Decoders in which each token of a text sees all of it
TWO_WAY = {"cpmant", "xlnet"}


@pytest.fixture(autouse=True)
def _no_advice_on_defaults():
    """transformers tells what it thinks of configurations that are smaller than the usual ones."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity(before)


@cache
def tokenizer():
    return checkpoints.byte_level_tokenizer()


def build_tiny(registry, family):
    model_class = getattr(transformers, architectures.REGISTRIES[registry][family])
    spread = architectures.SPREADS.get(family, SPREAD)
    return build(family, model_class, architectures.changes_for(registry, family), spread)


def run_eager(model, inputs):
    """Run transformers' own eager attention, by its public switch or, in families older than that, by its config."""
    if model._can_set_attn_implementation():
        model.set_attn_implementation("eager")
    else:
        model.config._attn_implementation_internal = "eager"
        model.config.get_text_config()._attn_implementation_internal = "eager"
    layers = []
    if model.config.model_type == "blt":  # gives its patcher's and its decoder's layers, but not its encoder's
        modules = [module for name, module in model.named_modules() if name.endswith("self_attn")]
        for module in modules:
            module.register_forward_hook(lambda module, inputs, output: layers.append(output[1]))
    with torch.no_grad():
        output = model(**inputs, output_attentions=True)
    if layers:
        output["attentions"] = layers
    return output


def inputs_of(lm):
    ids = torch.tensor([IDS])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if lm.spec.kind == "encoder-decoder":
        inputs["decoder_input_ids"] = torch.tensor([(lm.loaded.model.config.decoder_start_token_id, *TARGET_IDS)])
    if lm.spec.kind != "encoder":
        inputs["use_cache"] = False
    return inputs


def look(lm):
    return lm.attention(IDS, TARGET_IDS if lm.spec.kind == "encoder-decoder" else None)


@pytest.mark.parametrize(("registry", "family"), architectures.entries())
def test_weights_and_logits_are_those_of_eager_attention(registry, family):
    model = build_tiny(registry, family)
    reference = copy.deepcopy(model)
    lm = playground.wrap(model, tokenizer(), family)
    inputs = inputs_of(lm)
    attention = look(lm)
    expected = run_eager(reference, inputs)

    is_pair = lm.spec.kind == "encoder-decoder"
    assert attention.kinds == (("encoder", "decoder", "cross") if is_pair else ("self",))
    for kind in attention.kinds:
        size = len(attention.query_tokens(kind)), len(attention.key_tokens(kind))
        layers = layouts.as_matrices(reference.config, kind, expected[OUTPUTS[kind]], size)
        assert len(attention.layer_indices(kind)) == len(layers)
        widest = 0.0
        for layer, weights in enumerate(layers):
            found = attention.weights(layer, kind=kind)
            assert found.shape == (weights.shape[0], *size)
            np.testing.assert_allclose(found, weights, rtol=0, atol=1e-5)
            assert found.min() >= 0.0
            assert found.sum(-1).max() <= 1 + 1e-5  # less where something goes to sinks
            widest = max(widest, float(np.ptp(found[:, -1])))
            if kind == "decoder" or (lm.spec.kind == "decoder" and family not in TWO_WAY):
                assert np.triu(found, 1).max() == 0.0
        assert widest > 0.02  # far from uniform, or it would not tell much
        check_arithmetic(attention, family, kind)
    is_scored = attention.scores[1].probability is not None
    assert is_scored == (lm.spec.kind == "decoder" and family not in TWO_WAY)  # by what came before it alone
    with torch.no_grad(), capture_calls():
        torch.testing.assert_close(lm.loaded.model(**inputs).logits, expected.logits, rtol=0, atol=1e-5)


def check_arithmetic(attention, family, kind):
    """From q and k the weights, from weights and v what the heads passed on; else the page says why there is none."""
    layer, head = len(attention.layer_indices(kind)) - 1, attention.shape(kind).n_heads - 1
    query = len(attention.query_tokens(kind)) // 2
    if (family, kind) in architectures.NO_ARITHMETIC:
        with pytest.raises(PlaygroundError, match=r"by a way of its own \(.*\): there are weights only"):
            attention.query_key(layer, head, query, kind)
        return
    row = attention.query_key(layer, head, query, kind)
    np.testing.assert_allclose(row.raw, row.k @ row.q, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(row.weights, attention.weights(layer, head, kind)[query], rtol=0, atol=1e-5)
    np.testing.assert_allclose(row.output, row.weights @ row.v, rtol=1e-4, atol=1e-5)
    seen = np.isfinite(row.masked)
    assert row.weights[~seen].max(initial=0.0) == 0.0
    if row.softcap is None:
        bias = 0.0 if row.position_bias is None else row.position_bias
        np.testing.assert_allclose(row.scaled, row.raw * row.scaling + bias, rtol=1e-4, atol=1e-4)
    if row.weights.sum() > 0.99999:  # no sink
        exponentials = np.exp(row.masked - row.masked.max())
        np.testing.assert_allclose(row.weights, exponentials / exponentials.sum(), rtol=0, atol=1e-5)
    if row.model_output is not None:
        np.testing.assert_allclose(row.output, row.model_output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("family", "layers"),
    [("jamba", (4,)), ("bamba", (1,)), ("zamba", (2, 7)), ("recurrent_gemma", (2,)), ("lfm3", (1, 2))],
)
def test_layers_of_hybrids_have_their_real_indices(family, layers):
    attention = look(playground.wrap(build_tiny("causal", family), tokenizer(), family))
    assert attention.layer_indices() == layers
    with pytest.raises(PlaygroundError, match=f"layer must be .* from 0 to {len(layers) - 1}"):
        attention.weights(len(layers))


@pytest.mark.parametrize("family", ["albert", "bert"])
def test_layers_of_others_are_all_there(family):
    assert look(playground.wrap(build_tiny("masked", family), tokenizer(), family)).layer_indices() == (0, 1)


def test_a_family_whose_formula_is_its_own_gives_weights_only():
    """Granite's sinks come after its weights: what it gives is not what the common formula makes."""
    attention = look(playground.wrap(build_tiny("causal", "granite_swa"), tokenizer(), "granite_swa"))
    with pytest.raises(PlaygroundError, match=r"by a way of its own \(its formula is another one\)"):
        attention.query_key(0, 0, 5)


def test_the_two_parts_of_one_softmax_add_up():
    """T5Gemma 2 looks at what it wrote and at what it read at once."""
    attention = look(playground.wrap(build_tiny("seq2seq", "t5gemma2"), tokenizer(), "t5gemma2"))
    written, read = (attention.weights(1, kind=kind).sum(-1) for kind in ("decoder", "cross"))
    np.testing.assert_allclose(written + read, 1.0, rtol=0, atol=1e-5)
    assert read.min() > 0.0
    row = attention.query_key(1, 2, 5, kind="cross")
    np.testing.assert_allclose(row.weights, attention.weights(1, 2, kind="cross")[5], rtol=0, atol=1e-6)
    assert len(row.k) == len(row.v) == len(row.raw) == len(row.key_tokens)


@pytest.mark.parametrize(("registry", "family"), architectures.entries())
def test_a_text_of_one_token(registry, family):
    lm = playground.wrap(build_tiny(registry, family), tokenizer(), family)
    if family == "funnel":  # transformers fails itself: nothing is left to pool
        with pytest.raises(PlaygroundError, match="cannot read a text of 1 tokens as it is"):
            lm.attention(IDS[:1])
        return
    attention = lm.attention(IDS[:1], TARGET_IDS[:1] if lm.spec.kind == "encoder-decoder" else None)
    for kind in attention.kinds:
        size = len(attention.query_tokens(kind)), len(attention.key_tokens(kind))
        assert size == {"decoder": (2, 2), "cross": (2, 1)}.get(kind, (1, 1))
        weights = attention.weights(0, kind=kind)
        assert weights.shape[1:] == size
        assert np.isfinite(weights).all()
        assert attention.summary(kind).tiles.shape[2:] == size
    assert len(attention.scores) == (3 if lm.spec.kind == "encoder-decoder" else 1)  # with the target and its start


@pytest.mark.parametrize(("registry", "family"), architectures.entries("no attention"))
def test_models_without_attention_say_so(registry, family):
    lm = playground.wrap(build_tiny(registry, family), tokenizer(), family)
    with pytest.raises(PlaygroundError, match=f"^{family} .*has no attention to look at"):
        look(lm)


@pytest.mark.parametrize(("registry", "family"), architectures.entries("no text", "not captured"))
def test_what_is_left_out_cannot_be_seen(registry, family):
    """An entry that is seen after all, or fails for another reason, has no place in the table as it is."""
    error, said = HOW_IT_FAILS[family]
    with pytest.raises(error, match=said):
        look(playground.wrap(build_tiny(registry, family), tokenizer(), family))


def test_the_tables_name_families_that_there_are():
    known = {family for families in architectures.REGISTRIES.values() for family in families}
    assert architectures.LEFT_OUT.keys() <= known
    assert architectures.CHANGES.keys() <= known


def test_nearly_all_are_captured():
    captured, missed = len(architectures.entries()), len(architectures.entries("not captured"))
    assert captured / (captured + missed) >= 0.98
    assert sum(map(len, architectures.REGISTRIES.values())) == 277


def test_the_readme_holds_the_sums():
    text = architectures.README.read_text("utf-8")
    assert text == architectures.put_between_marks(text), "run python -m tests.models.architectures --write"
