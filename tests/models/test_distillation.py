"""A student of two layers comes nearer to its model step by step, and the model stays as it is."""

import gc
import math
import shutil
import threading
import weakref

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

import playground
from playground.analysis import distillation
from playground.analysis.distillation import distil, left_out_layers, mean_divergence, trained_student
from playground.models.catalogue import resolve
from playground.records import (
    MOST_DISTILLED,
    CompressedModel,
    Compression,
    GenerationSettings,
    PlaygroundError,
)
from tests.models.checkpoints import byte_level_tokenizer
from tests.models.families import tiny_lm

LAYERS = 4
TEXT = "The cat saw the dog, and the dog saw the cat."
SIZES = {
    "hidden_size": 32, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip


def build(family, layers=LAYERS):
    tokenizer = byte_level_tokenizer()
    torch.manual_seed(3)
    size = len(tokenizer)
    if family == "gpt2":
        config = GPT2Config(vocab_size=size, n_embd=32, n_layer=layers, n_head=4, n_positions=64, initializer_range=0.2)
        model = GPT2LMHeadModel(config)
    elif family == "llama":
        model = LlamaForCausalLM(LlamaConfig(vocab_size=size, **SIZES, num_key_value_heads=2, initializer_range=0.2))
    else:
        model = GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=size, **SIZES, initializer_range=0.2))
    return playground.wrap(model, tokenizer, family)


def run(lm, steps, cancel=None):
    progress = list(distil(lm.loaded, steps, cancel or threading.Event()))
    return progress, trained_student(lm.loaded, steps)


def test_the_divergence_by_hand():
    """Two tables of logits, written out: sum of P log(P / Q), the mean over places."""

    class Says:
        def __init__(self, logits):
            self.logits = torch.tensor(logits)

        def __call__(self, **_):
            return self

    own, other = Says([[[math.log(3), 0.0], [0.0, 0.0]]]), Says([[[0.0, 0.0], [math.log(4), 0.0]]])
    first = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    second = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    found = mean_divergence(own, other, torch.zeros(1, 2, dtype=torch.long))
    assert float(found) == pytest.approx((first + second) / 2, rel=1e-5)
    assert float(mean_divergence(own, own, torch.zeros(1, 2, dtype=torch.long))) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox"])
def test_it_comes_nearer_and_the_model_stays_as_it_is(family):
    lm = build(family)
    model = lm.loaded.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    progress, student = run(lm, 30)
    assert [event.done for event in progress] == list(range(1, 31))
    assert all(event.total == 30 for event in progress)
    ids = torch.tensor([[token.id for token in lm.tokenize(TEXT)]])
    small = distillation._begin(lm.loaded)
    with torch.no_grad():
        first, last = (float(mean_divergence(model, one, ids)) for one in (small, student.model))
    assert last < first
    assert student.spec.n_layers == 2
    assert left_out_layers(lm.loaded) == (1, 2)
    assert not any(tensor.requires_grad for tensor in student.model.parameters())
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert all(tensor.grad is None for tensor in model.parameters())


def test_the_same_steps_give_the_same_student():
    (_, first), (_, second) = run(build("gpt2"), 6), run(build("gpt2"), 6)
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_what_is_tied_stays_tied():
    _, student = run(build("gpt2"), 2)
    assert student.model.lm_head.weight is student.model.transformer.wte.weight


def test_it_is_stopped():
    lm, cancel = build("gpt2"), threading.Event()
    events = []
    for event in distil(lm.loaded, 50, cancel):
        events.append(event)
        if len(events) == 3:
            cancel.set()
    assert len(events) == 3
    with pytest.raises(PlaygroundError, match="no longer kept"):
        trained_student(lm.loaded, 50)


def test_none_is_trained_twice_and_a_few_are_kept():
    lm = build("gpt2")
    progress, student = run(lm, 2)
    assert len(progress) == 2
    again, same = run(lm, 2)
    assert not again
    assert same is student
    for steps in (3, 4, 5, 6):
        run(lm, steps)
    with pytest.raises(PlaygroundError, match="no longer kept"):
        trained_student(lm.loaded, 2)


def test_students_go_with_their_model():
    lm = build("gpt2")
    run(lm, 2)
    gone = weakref.ref(lm.loaded.model)
    del lm
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("steps", [0, -1, MOST_DISTILLED + 1])
def test_steps_are_bounded(steps):
    with pytest.raises(PlaygroundError, match=f"1 to {MOST_DISTILLED} steps"):
        run(build("gpt2"), steps)


def test_what_has_no_student_says_why(monkeypatch):
    with pytest.raises(PlaygroundError, match="no more than two layers"):
        run(build("gpt2", layers=2), 5)
    with pytest.raises(PlaygroundError, match="is no decoder"):
        run(tiny_lm("t5"), 5)
    monkeypatch.setattr(distillation, "MOST_PARAMETERS", 10)
    with pytest.raises(PlaygroundError, match="million weights"):
        run(build("gpt2"), 5)


def test_weights_that_are_no_numbers_are_said():
    lm = build("gpt2")
    with torch.no_grad():
        lm.loaded.model.transformer.h[0].mlp.c_fc.weight.fill_(float("nan"))
    with pytest.raises(PlaygroundError, match="not a number"):
        run(lm, 5)


def compared(lm, compression, head):
    settings = GenerationSettings(max_new_tokens=3)
    *_, found = lm.compare_compressed(TEXT, compression, prompt="The", settings=settings, head=head)
    assert isinstance(found, CompressedModel)
    return found


def test_it_is_compared_as_any_other_copy():
    lm = build("gpt2")
    found = compared(lm, Compression("distilled", steps=4), ("self", 3, 1))
    assert found.compressed.n_weights < found.original.n_weights
    assert found.divergence_nats > 0
    assert len(found.runs) == 2
    assert found.maps is not None  # the model's last layer is the student's, too
    assert found.maps[1].layer == 1
    first, second = lm.compressed_maps(TEXT, Compression("distilled", steps=4), ("self", 0, 2))
    assert (first.layer, second.layer) == (0, 0)
    with pytest.raises(PlaygroundError, match="Layer 2, whose head 0 is selected, is not in this copy"):
        lm.compressed_maps(TEXT, Compression("distilled", steps=4), ("self", 2, 0))
    with pytest.raises(PlaygroundError, match="no longer kept"):
        lm.compressed_maps(TEXT, Compression("distilled", steps=5), ("self", 0, 2))


def test_without_one_that_came_with_it_it_says_so():
    lm = build("gpt2")
    assert not lm.has_student
    with pytest.raises(PlaygroundError, match="No student came with gpt2"):
        compared(lm, Compression("student"), ("self", 0, 0))


def test_a_student_that_lies_beside_the_model_is_compared(tmp_path):
    folder = shutil.copytree(resolve("stories"), tmp_path / "model", ignore=shutil.ignore_patterns("student"))
    lm = playground.load(str(folder))
    assert not lm.has_student
    small = lm.loaded.model.__class__(GPT2Config.from_pretrained(folder, n_layer=2))
    small.save_pretrained(folder / "student")
    lm.loaded.tokenizer.save_pretrained(folder / "student")
    assert lm.has_student
    found = compared(lm, Compression("student"), ("self", 9, 0))
    assert found.compressed.n_weights == sum(tensor.numel() for tensor in small.parameters())
    assert found.maps is not None
    assert found.maps[1].layer == 1
    assert found.divergence_nats > 1  # it was never trained
