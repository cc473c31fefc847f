"""A copy is trained as transformers and torch train it, and the model itself stays as it is."""

import copy
import math
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import playground
from playground.analysis import training_copy
from playground.backends import local
from playground.backends.local import training as local_training
from playground.language_model import LanguageModel
from playground.records import GenerationRecord, GenerationSettings, PlaygroundError, TextIds, TrainingSettings
from playground.records.training import check_method
from playground.ui.session import Session, TrainedCopy
from playground.ui.training import Trainer
from tests.models import checkpoints
from tests.models.families import ENCODER_DECODERS, FAMILIES, IDS, SOURCE_IDS, reference_inputs, tiny_lm

REPEATED = "The moon was made of blue cheese. " * 6
RATE = 1e-3


def text_ids(family):
    return TextIds(SOURCE_IDS, IDS) if family in ENCODER_DECODERS else TextIds(IDS)


def labelled(lm, family):
    """What transformers trains on: of an encoder-decoder with the token that ends a text."""
    inputs = reference_inputs(lm, family)
    if family not in ENCODER_DECODERS:
        return {**inputs, "labels": inputs["input_ids"], "use_cache": False}
    read = inputs["decoder_input_ids"]
    ends = lm.loaded.model.generation_config.eos_token_id or lm.loaded.tokenizer.eos_token_id
    labels = torch.cat([read[:, 1:], torch.tensor([[ends]])], 1)
    return {**inputs, "labels": labels, "use_cache": False}


def weights_of(lm):
    return {name: weight.detach().clone() for name, weight in lm.loaded.model.named_parameters()}


def assert_untouched(lm, before):
    after = dict(lm.loaded.model.named_parameters())
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert all(weight.grad is None for weight in after.values())


def last(progress):
    *_, end = progress
    return end


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_is_that_of_transformers_and_torch(family):
    lm = tiny_lm(family)
    before = weights_of(lm)
    reference = copy.deepcopy(lm.loaded.model).float()
    optimizer = torch.optim.AdamW([weight for weight in reference.parameters() if weight.requires_grad], lr=RATE)
    loss = reference(**labelled(lm, family)).loss
    loss.backward()
    norm = math.sqrt(sum(float(w.grad.double().pow(2).sum()) for w in reference.parameters() if w.grad is not None))
    optimizer.step()
    trained = lm.copy_to_train()
    end = last(trained.train(text_ids(family), TrainingSettings(learning_rate=RATE)))
    assert end.state == "done"
    assert end.losses_nats[0] == pytest.approx(float(loss.detach()), abs=1e-6, rel=1e-6)
    assert end.gradient_norms[0] == pytest.approx(norm, rel=1e-4)
    assert float(np.sqrt((end.part_norms.astype(float) ** 2).sum())) == pytest.approx(norm, rel=1e-4)
    assert {"layer 0", "layer 1"} <= {part.removeprefix("decoder ") for part in end.parts}
    for (name, found), expected in zip(trained.loaded.model.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6, msg=name)
    assert not torch.equal(found, before[name]) or not found.requires_grad
    with torch.no_grad():
        after = float(reference(**labelled(lm, family)).loss)
    assert end.loss_after_nats == pytest.approx(after, abs=1e-5)
    assert_untouched(lm, before)


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_changes_adapters_only(family):
    lm = tiny_lm(family)
    before = weights_of(lm)
    flags = [weight.requires_grad for weight in lm.loaded.model.parameters()]
    trained = lm.copy_to_train("lora")
    plan = trained.trainee.plan
    assert plan.method == "lora"
    assert plan.n_trained == sum(w.numel() for w in trained.loaded.model.parameters() if w.requires_grad)
    frozen = {n: w.detach().clone() for n, w in trained.loaded.model.named_parameters() if not w.requires_grad}
    assert not any("lora" in name for name in frozen)
    text = text_ids(family)
    assert trained.training_loss(text).mean_nats == pytest.approx(lm.training_loss(text).mean_nats, abs=1e-6)
    end = last(trained.train(text, TrainingSettings(n_steps=8, learning_rate=0.05)))
    assert end.loss_after_nats < end.losses_nats[0]
    assert end.parts
    assert not any("lora" in part or part == "default" for part in end.parts)
    for name, weight in trained.loaded.model.named_parameters():
        assert name not in frozen or torch.equal(weight, frozen[name])
    assert_untouched(lm, before)
    assert [weight.requires_grad for weight in lm.loaded.model.parameters()] == flags


def test_an_encoder_learns_what_is_masked(tiny):
    lm = tiny("bert").lm
    before = weights_of(lm)
    text = "The fox said to the girl, where are you going?"
    trained = lm.copy_to_train()
    settings = TrainingSettings(n_steps=30, learning_rate=5e-3)
    reference = copy.deepcopy(lm.loaded.model)
    tokens = lm.tokenize(text)
    ids = torch.tensor([[token.id for token in tokens]])
    hidden = []
    hook = trained.loaded.model.register_forward_pre_hook(
        lambda _, args, kwargs: hidden.append(kwargs["input_ids"]), with_kwargs=True
    )
    end = last(trained.train(text, settings))
    hook.remove()
    is_masked = hidden[0] == lm.loaded.tokenizer.mask_token_id
    n_words = sum(not token.special for token in tokens)
    assert int(is_masked.sum()) == max(1, round(0.15 * n_words))
    assert not any(token.special for token, masked in zip(tokens, is_masked[0].tolist(), strict=True) if masked)
    labels = torch.where(is_masked, ids, -100)
    with torch.no_grad():
        loss = reference(input_ids=hidden[0], labels=labels).loss
    assert end.losses_nats[0] == pytest.approx(float(loss), abs=1e-6)
    assert trained.training_loss(text).mean_nats < lm.training_loss(text).mean_nats
    assert_untouched(lm, before)


@pytest.fixture(scope="module")
def stories():
    return playground.load("stories")


def test_the_loss_of_a_repeated_sentence_falls(stories):
    before = weights_of(stories)
    trained = stories.copy_to_train()
    settings = TrainingSettings(n_steps=4, learning_rate=1e-3, sequence_length=16, batch_size=2)
    states = [one.state for one in trained.train(REPEATED, settings)]
    assert states == ["running"] * 4 + ["done"]
    first = last(trained.train(REPEATED, settings))
    assert (first.n_done, first.n_wanted) == (8, 8)
    assert first.losses_nats[-1] < 0.5 * first.losses_nats[0]
    assert trained.training_loss(REPEATED).mean_nats < stories.training_loss(REPEATED).mean_nats
    # The copy writes; from twice four steps comes what eight give
    assert "blue cheese" in trained.generate("The moon was made of", strategy="greedy", max_new_tokens=6).text
    at_once = stories.copy_to_train()
    end = last(at_once.train(REPEATED, replace(settings, n_steps=8)))
    np.testing.assert_allclose(end.losses_nats, first.losses_nats, rtol=1e-5)
    assert_untouched(stories, before)


def test_pairs_of_the_translator():
    lm = playground.load("translator")
    before = weights_of(lm)
    trained = lm.copy_to_train()
    end = last(trained.train("the cat sees the dog. => le chien.\nthe dog => le chat.", TrainingSettings(n_steps=3)))
    assert end.n_sequences == 2
    assert end.loss_after_nats < end.losses_nats[0]
    assert any(part.startswith("encoder layer") for part in end.parts)
    assert_untouched(lm, before)


def test_a_text_is_cut_into_sequences_of_one_length():
    lm = tiny_lm("gpt2")
    ids = tuple(range(5, 45))
    end = last(lm.copy_to_train().train(TextIds(ids), TrainingSettings(sequence_length=16, batch_size=2)))
    assert (end.n_sequences, end.n_tokens) == (3, 48)  # 0–15, 16–31, and the last sixteen
    rows = torch.tensor([ids[:16], ids[16:32]])
    with torch.no_grad():
        loss = lm.loaded.model(input_ids=rows, labels=rows).loss
    assert end.losses_nats[0] == pytest.approx(float(loss), abs=1e-6)
    with torch.no_grad():
        rows = torch.tensor([ids[:16], ids[16:32], ids[24:]])
        loss = lm.loaded.model(input_ids=rows, labels=rows).loss
    found = lm.training_loss(TextIds(ids), 16)
    assert (found.n_predicted, found.mean_nats) == (45, pytest.approx(float(loss), abs=1e-6))
    assert found.perplexity == pytest.approx(math.exp(float(loss)), rel=1e-5)


def test_a_stop_ends_it_within_a_step():
    lm = tiny_lm("llama")
    before = weights_of(lm)
    trained, switch = lm.copy_to_train(), threading.Event()
    found = []
    for one in trained.train(TextIds(IDS), TrainingSettings(n_steps=100), switch):
        found.append(one)
        if one.n_done == 3:
            switch.set()
    assert (found[-1].state, found[-1].n_done, len(found)) == ("stopped", 3, 4)
    assert math.isfinite(found[-1].loss_after_nats)
    steps = trained.train(TextIds(IDS), TrainingSettings(n_steps=100))
    next(steps)
    steps.close()
    assert last(trained.train(TextIds(IDS), TrainingSettings(n_steps=1))).n_done == 5  # a closed one has let go
    assert_untouched(lm, before)


def test_an_absurd_learning_rate_keeps_the_last_good_copy():
    lm = tiny_lm("gpt2")
    before = weights_of(lm)
    trained = lm.copy_to_train()
    last(trained.train(TextIds(IDS), TrainingSettings(n_steps=4, learning_rate=1e-2)))
    trained.loaded.model.transformer.ln_f.weight.register_hook(lambda grad: grad)  # a hook changes nothing
    good = weights_of(trained)
    end = last(trained.train(TextIds(IDS), TrainingSettings(n_steps=50, learning_rate=1e6)))
    assert end.state == "diverged"
    assert math.isfinite(trained.training_loss(TextIds(IDS)).mean_nats)
    if end.n_done == 4:
        assert all(torch.equal(weight, good[name]) for name, weight in trained.loaded.model.named_parameters())
    again = last(trained.train(TextIds(IDS), TrainingSettings(n_steps=2, learning_rate=1e-4)))
    assert again.state == "done"
    assert_untouched(lm, before)


def test_a_step_that_breaks_the_numbers_is_undone(monkeypatch):
    """Also the last of a training, which no other step would find out."""
    lm = tiny_lm("opt")
    trained = lm.copy_to_train()
    last(trained.train(TextIds(IDS), TrainingSettings(n_steps=2)))
    good = weights_of(trained)
    step = trained.trainee.optimizer.step

    def breaking():
        step()
        with torch.no_grad():
            next(iter(trained.trainee.weights.values())).fill_(float("nan"))

    monkeypatch.setattr(trained.trainee.optimizer, "step", breaking)
    end = last(trained.train(TextIds(IDS), TrainingSettings(n_steps=1)))
    assert (end.state, end.n_done) == ("diverged", 2)
    assert all(torch.equal(weight, good[name]) for name, weight in trained.loaded.model.named_parameters())


def test_an_error_leaves_the_model_as_it_was(monkeypatch):
    lm = tiny_lm("gpt2")
    before = weights_of(lm)
    trained = lm.copy_to_train()
    monkeypatch.setattr(trained.loaded.model, "forward", lambda **_: (_ for _ in ()).throw(RuntimeError("no way")))
    with pytest.raises(PlaygroundError, match="cannot be trained here: no way"):
        list(trained.train(TextIds(IDS), TrainingSettings()))
    monkeypatch.setattr(
        trained.loaded.model, "forward", lambda **_: (_ for _ in ()).throw(RuntimeError("can't allocate memory"))
    )
    with pytest.raises(PlaygroundError, match="not enough memory to train gpt2"):
        list(trained.train(TextIds(IDS), TrainingSettings()))
    assert_untouched(lm, before)


def test_damaged_weights_are_not_trained(damaged):
    with pytest.raises(PlaygroundError, match="is not a number"):
        list(damaged.copy_to_train().train(TextIds(IDS), TrainingSettings()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no text to train on"),
        (" \n", "no text to train on"),
        ("a", "A text of one token"),
        ("a" * 20_001, "at most 20,000 are trained on"),
        (TextIds((5,) * 4_097), "at most 4,096 are trained on: shorten it by"),
        ("a\ud800b", "lone surrogate"),
        (TextIds((5,)), "A text of one token"),
        (TextIds((5, 99_999)), "Token ids must be"),
    ],
)
def test_texts_that_cannot_be_trained_on(text, message):
    with pytest.raises(PlaygroundError, match=message):
        list(tiny_lm("gpt2").copy_to_train().train(text, TrainingSettings()))


def test_other_things_that_cannot_be_trained(tiny, monkeypatch):
    lm = tiny_lm("gpt2")
    with pytest.raises(PlaygroundError, match="itself is never trained"):
        list(lm.train("a text", TrainingSettings()))
    with pytest.raises(
        PlaygroundError, match=r"takes 806 kB of memory \(.* weights at 20 bytes each.*1 kB for it.*LoRA"
    ):
        plan_of(lm, "full", 1_000)
    assert plan_of(lm, "auto", 2**40).method == "full"
    monkeypatch.setattr(training_copy, "MOST_FULL_BYTES", 1000)
    plan = plan_of(lm, "auto", 2**40)
    assert plan.method == "lora"
    assert "would take" in plan.why
    with pytest.raises(PlaygroundError, match="Take a smaller model\\."):
        plan_of(lm, "auto", 1_000)
    for text in ("no arrow", "=> x", "x =>"):
        with pytest.raises(PlaygroundError, match="trained on pairs: write each in a line"):
            list(tiny_lm("bart").copy_to_train().train(text, TrainingSettings()))
    with pytest.raises(PlaygroundError, match="this text has no target"):
        list(tiny_lm("bart").copy_to_train().train(TextIds(SOURCE_IDS), TrainingSettings()))
    for wrong in ({"n_steps": 501}, {"n_steps": 0}, {"learning_rate": float("nan")}, {"batch_size": 17}):
        with pytest.raises(PlaygroundError, match="must be a"):
            TrainingSettings(**wrong)
    with pytest.raises(PlaygroundError, match="method must be one of"):
        check_method("<b>")


def plan_of(lm, method, room):
    return lm.training_plan(method, room)


def test_a_family_without_linear_maps_says_so(monkeypatch):
    import peft

    def refuse(*_):
        raise ValueError("Target modules all-linear not found")

    monkeypatch.setattr(peft, "inject_adapter_in_model", refuse)
    with pytest.raises(PlaygroundError, match="cannot be copied for a training with adapters: Target modules"):
        tiny_lm("gpt2").copy_to_train("lora")


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny_lm(name))
    monkeypatch.setattr(local.models.LanguageModel, "speed_up", lambda self: False)
    return local.LocalBackend(["gpt2", "llama"])


TEXT = TextIds(IDS)


def test_the_backend_keeps_a_copy_as_a_model(backend):
    before = weights_of(tiny_lm("gpt2"))
    copied = backend.copy_to_train("gpt2", "auto")
    assert copied.startswith("gpt2, trained#")
    untrained = backend.head_map(copied, TEXT, 1, 2).weights
    np.testing.assert_allclose(untrained, backend.head_map("gpt2", TEXT, 1, 2).weights, atol=1e-6)
    end = last(backend.train(copied, TEXT, TrainingSettings(n_steps=5, learning_rate=1e-2), threading.Event()))
    assert end.n_done == 5
    assert backend.training_loss(copied, TEXT, 64).mean_nats < backend.training_loss("gpt2", TEXT, 64).mean_nats
    assert backend.training_loss(copied, TEXT, 64).mean_nats == pytest.approx(
        backend.token_loss(copied, TEXT).mean_nats, abs=1e-5
    )
    assert not np.array_equal(backend.head_map(copied, TEXT, 1, 2).weights, untrained)  # nothing old is kept
    settings = GenerationSettings(max_new_tokens=3)
    record = last(backend.generate(copied, "Once", settings, threading.Event(), 0.1))[-1]
    assert isinstance(record, GenerationRecord)
    assert record.model == "gpt2, trained"
    backend.forget(copied)
    assert backend._pool.loaded_names() == ("gpt2",)
    with pytest.raises(PlaygroundError, match="There is no model"):
        backend.spec(copied)
    assert_untouched(tiny_lm("gpt2"), before)


def test_nothing_changes_for_somebody_else_who_generates(backend):
    before = weights_of(tiny_lm("gpt2"))
    settings = GenerationSettings(strategy="greedy", max_new_tokens=40)
    alone = last(backend.generate("gpt2", "Once upon", settings, threading.Event(), 0.1))[-1].token_ids
    copied = backend.copy_to_train("gpt2", "auto")
    steps = backend.train(copied, TEXT, TrainingSettings(n_steps=60, learning_rate=1e-2), threading.Event())
    next(steps)
    events = backend.generate("gpt2", "Once upon", settings, threading.Event(), 0.0)
    found = next(events)
    for message in events:
        found = message
        next(steps, None)
    assert found[-1].token_ids == alone
    steps.close()
    assert_untouched(tiny_lm("gpt2"), before)


def test_so_many_are_trained_at_a_time(backend, monkeypatch):
    copies = [backend.copy_to_train("gpt2", "lora") for _ in range(local_training.MOST_AT_A_TIME + 1)]
    running = []
    for copied in copies[:-1]:
        running.append(backend.train(copied, TEXT, TrainingSettings(n_steps=9), threading.Event()))
        next(running[-1])
    with pytest.raises(PlaygroundError, match=r"2 copies are being trained .* try again in a minute"):
        next(backend.train(copies[-1], TEXT, TrainingSettings(), threading.Event()))
    running[0].close()
    with pytest.raises(PlaygroundError, match="This copy is being trained at this moment"):
        next(backend.train(copies[1], TEXT, TrainingSettings(), threading.Event()))
    assert last(backend.train(copies[-1], TEXT, TrainingSettings(), threading.Event())).n_done == 1
    backend.forget(copies[1])  # it is in use: it goes when that is over
    assert copies[1] in backend._pool.loaded_names()
    running[1].close()
    assert copies[1] not in backend._pool.loaded_names()


def test_a_copy_counts_in_the_memory_for_models_and_makes_room(backend):
    plan = backend.training_plan("gpt2", "auto")
    own = backend._pool.n_bytes
    copied = backend.copy_to_train("gpt2", "auto")
    assert backend._pool.n_bytes == own + plan.n_bytes
    backend._pool.max_bytes = own + plan.n_bytes + 1
    backend.spec("llama")
    assert copied not in backend._pool.loaded_names()
    with pytest.raises(PlaygroundError, match="had to make room for other models: train it once more"):
        last(backend.train(copied, TEXT, TrainingSettings(), threading.Event()))
    backend._pool.max_bytes = plan.n_bytes - 1
    with pytest.raises(PlaygroundError, match="Training a copy of gpt2 takes"):
        backend.copy_to_train("gpt2", "full")
    backend._pool.max_bytes = own + plan.n_bytes
    with backend._pool.use("llama"), pytest.raises(PlaygroundError, match=r"gpt2, trained takes .* Try again later"):
        backend.copy_to_train("gpt2", "full")
    assert not [name for name in backend._pool._admitted if "#" in name and name != copied]


def test_weights_in_few_bits_are_refused(monkeypatch):
    lm = playground.wrap(checkpoints.build_model("gpt2"), checkpoints.byte_level_tokenizer(), "small")
    monkeypatch.setattr(lm.loaded.model, "is_quantized", True, raising=False)
    with pytest.raises(PlaygroundError, match="stored in few bits"):
        lm.copy_to_train()


def test_a_copy_of_bfloat16_is_trained_in_float32():
    model = copy.deepcopy(tiny_lm("gpt2").loaded.model).to(torch.bfloat16)
    lm = playground.wrap(model, checkpoints.byte_level_tokenizer(), "narrow")
    trained = lm.copy_to_train()
    assert isinstance(trained, LanguageModel)
    assert (lm.spec.dtype, trained.spec.dtype) == ("bfloat16", "float32")
    adapted = lm.copy_to_train("lora")
    end = last(adapted.train(TextIds(IDS), TrainingSettings(n_steps=5, learning_rate=1e-2)))
    assert end.loss_after_nats < end.losses_nats[0]
    assert {w.dtype for w in adapted.trainee.weights.values()} == {torch.float32}


@pytest.fixture
def trainer(backend):
    return Trainer(backend, None, SimpleNamespace(status=None), None, None)


def test_a_visitor_who_leaves_leaves_no_copy_behind(trainer, backend):
    session = Session(model="gpt2", ids=IDS)
    name = trainer.copy_of(session, "one", "automatic")
    other = trainer.copy_of(session, "other", "LoRA adapters")
    assert {name, other} < set(backend._pool.loaded_names())
    again = trainer.copy_of(session, "one", "automatic")  # a visitor has one at a time
    assert name not in backend._pool.loaded_names()
    trainer.on_end(SimpleNamespace(session_hash="one"))
    assert again not in backend._pool.loaded_names()
    assert other in backend._pool.loaded_names()
    trainer.on_end(SimpleNamespace(session_hash="one"))


def test_a_copy_is_gone_on_with_until_it_had_to_make_room(trainer, backend):
    session = Session(model="gpt2", ids=IDS)
    name = trainer.copy_of(session, "one", "automatic")
    training = last(backend.train(name, TEXT, TrainingSettings(), threading.Event()))
    loss = backend.training_loss(name, TEXT, 64)
    session = replace(session, trained=TrainedCopy("gpt2", name, training, (loss, loss)))
    assert trainer.copy_of(session, "one", "automatic") == name
    assert trainer.copy_of(replace(session, model="llama"), "two", "automatic").startswith("llama, trained#")
    backend._pool._kept.pop(name)
    assert trainer.copy_of(session, "one", "automatic") not in ("", name)
