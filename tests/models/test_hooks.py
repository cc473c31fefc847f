"""Hooks act in a copy alone, and what is found of a model's parts gives its own numbers."""

import threading

import pytest
import torch

import playground
from playground.models.anatomy import anatomy_of, unembed
from playground.models.hooks import hooked
from playground.models.inputs import model_inputs
from playground.records import PlaygroundError
from tests.models import checkpoints
from tests.models.families import ENCODER_DECODERS, FAMILIES, IDS, SOURCE_IDS, reference_inputs, tiny_lm


def logits_of(model):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([IDS])).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_what_follows_the_last_layer_gives_the_models_logits(family):
    lm = tiny_lm(family)
    anatomy = anatomy_of(lm.loaded)
    assert len(anatomy.blocks) == lm.spec.n_layers
    inputs = reference_inputs(lm, family)
    states = []
    handle = anatomy.blocks[-1].module.register_forward_hook(lambda _, __, output: states.append(output))
    try:
        with torch.inference_mode():
            logits = lm.loaded.model(**inputs).logits[0]
    finally:
        handle.remove()
    state = states[0][0] if isinstance(states[0], tuple) else states[0]
    torch.testing.assert_close(unembed(lm.loaded, anatomy, state[0]), logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_heads_are_found(family):
    lm = tiny_lm(family)
    source, target = (SOURCE_IDS, IDS) if family in ENCODER_DECODERS else (IDS, None)
    attention = lm.attention(list(source), None if target is None else list(target))
    kinds = {"self": "decoder", "cross": "cross"} if target else {"self": "self"}
    for block in anatomy_of(lm.loaded).blocks:
        assert set(block.heads) == set(kinds)
        for kind, heads in block.heads.items():
            assert heads.n_heads == attention.shape(kinds[kind]).n_heads
            assert heads.attention in set(block.module.modules())


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "gptj", "falcon", "opt", "cohere", "bloom"])
def test_what_attention_and_mlp_add_is_found(family):
    assert all(block.adds for block in anatomy_of(tiny_lm(family).loaded).blocks)


def hooks_of(model):
    return [(dict(module._forward_hooks), dict(module._forward_pre_hooks)) for module in model.modules()]


def test_nothing_stays_behind_in_the_model():
    lm = tiny_lm("gpt2")
    model = lm.loaded.model
    before, tensors = logits_of(model), [id(parameter) for parameter in model.parameters()]
    set_before = hooks_of(model)  # transformers leaves its own in a model that was once asked for hidden states
    block = anatomy_of(lm.loaded).blocks[0].module
    used = []

    def fail():
        with hooked(model) as hooks:
            used.append(hooks)
            hooks.after(block, lambda hidden: 0 * hidden)
            hooks.replace(block.mlp, lambda hidden: hidden)
            assert not torch.equal(logits_of(hooks.model), before)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert torch.equal(logits_of(model), before)
    assert [id(parameter) for parameter in model.parameters()] == tensors
    assert hooks_of(model) == set_before
    assert "forward" not in vars(block.mlp)
    assert used[0].model is None


def test_a_visitor_beside_you_sees_nothing_of_it():
    lm = tiny_lm("gpt2")
    model = lm.loaded.model
    expected, seen = logits_of(model), []
    inside, go_on = threading.Event(), threading.Event()

    def changed():
        with hooked(model) as hooks:
            hooks.after(anatomy_of(lm.loaded).blocks[0].module, lambda hidden: 0 * hidden)

            def wait(_):
                inside.set()
                assert go_on.wait(30)

            hooks.before(anatomy_of(lm.loaded).blocks[1].module, wait)
            seen.append(logits_of(hooks.model))

    thread = threading.Thread(target=changed)
    thread.start()
    assert inside.wait(30)
    assert torch.equal(logits_of(model), expected)
    go_on.set()
    thread.join()
    assert not torch.equal(seen[0], expected)


def test_a_copy_shares_the_weights():
    model = tiny_lm("llama").loaded.model
    with hooked(model) as hooks:
        own, copied = dict(model.named_parameters()), dict(hooks.model.named_parameters())
        assert own.keys() == copied.keys()
        assert all(own[name] is copied[name] for name in own)
        assert not set(model.modules()) & set(hooks.model.modules())
        assert torch.equal(logits_of(hooks.model), logits_of(model))


@pytest.mark.parametrize(
    ("family", "reason"),
    [("bert", "is an encoder"), ("xlnet", "does not give its own prediction again"), ("longcat_flash", "residual")],
)
def test_what_cannot_be_looked_into_says_why(tiny, family, reason):
    lm = tiny("bert").lm if family == "bert" else tiny_lm(family)
    for _ in range(2):  # the second answer is remembered
        with pytest.raises(PlaygroundError, match=reason):
            anatomy_of(lm.loaded)


def test_of_the_bundled_models():
    for name, n_heads in (("stories", 8), ("translator", 5)):
        lm = playground.load(name)
        assert anatomy_of(lm.loaded).n_heads == n_heads


def test_inputs_are_those_of_one_text_or_of_copies():
    loaded = playground.wrap(checkpoints.build_model("bart"), checkpoints.byte_level_tokenizer(), "bart").loaded
    inputs = model_inputs(loaded, (1, 2, 3), (4, 5), 3)
    assert inputs["input_ids"].tolist() == [[1, 2, 3]] * 3
    assert inputs["decoder_input_ids"].tolist() == [[4, 5]] * 3
