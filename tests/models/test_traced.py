"""The traced step: the model's own numbers, or none."""

import itertools
import threading

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

import playground
from playground.decoding.loop import ModelStep, tensors_of, with_room
from playground.decoding.traced import trace_step, traced_step
from tests.models.checkpoints import build_model, byte_level_tokenizer

TRACEABLE = ("gpt2", "llama", "gptj", "falcon")
PROMPT = "The fox said to the girl"


@pytest.fixture(scope="module", params=itertools.product(TRACEABLE, (torch.float32, torch.bfloat16)), ids=str)
def traced(request) -> tuple[PreTrainedModel, ModelStep]:
    """Return a model and its step."""
    family, dtype = request.param
    model = install(build_model(family).to(dtype))
    step = trace_step(model)
    assert step is not None
    return model, step


def install(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model with our attention, as it is when it is traced."""
    playground.wrap(model, byte_level_tokenizer())
    return model


@pytest.mark.parametrize("n_prompt", [1, 2, 5, 31])
def test_every_step_gives_the_numbers_of_the_model(traced: tuple[PreTrainedModel, ModelStep], n_prompt: int) -> None:
    model, step = traced
    ids = torch.randint(0, 400, (1, n_prompt), generator=torch.Generator().manual_seed(n_prompt))
    with torch.inference_mode():
        output = model(input_ids=ids, use_cache=True)
        cache = output.past_key_values
        tensors = with_room(tensors_of(cache), 20)
        for _ in range(20):
            next_id = output.logits[:, -1:].argmax(-1)
            output = model(input_ids=next_id, past_key_values=cache, use_cache=True)
            logits, *tensors = step(next_id, *tensors)
            assert torch.equal(logits, output.logits[:, -1:])
            assert all(map(torch.equal, tensors, tensors_of(cache)))


def test_a_step_beyond_its_room_is_refused_and_overwrites_nothing() -> None:
    model = install(build_model("gpt2"))
    step = trace_step(model)
    assert step is not None
    with torch.inference_mode():
        cache = model(input_ids=torch.tensor([[5, 6, 7]]), use_cache=True).past_key_values
        tensors = with_room(tensors_of(cache), 1)
        _, *tensors = step(torch.tensor([[8]]), *tensors)
        with pytest.raises(RuntimeError, match="out of bounds"):
            step(torch.tensor([[9]]), *tensors)


@pytest.mark.parametrize("family", ["gemma2", "bart", "t5", "gpt_oss"])
def test_models_whose_step_is_no_single_graph_are_left_as_they_are(family: str) -> None:
    model = install(build_model(family))
    assert trace_step(model) is None


def test_a_model_that_decides_by_its_length_is_left_as_it_is() -> None:
    config = LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
    )  # fmt: skip
    assert trace_step(install(LlamaForCausalLM(config).eval())) is None


@pytest.mark.parametrize("family", TRACEABLE)
@pytest.mark.parametrize("strategy", ["greedy", "sample"])
def test_a_sped_up_model_writes_the_same(family: str, strategy: str) -> None:
    lm = playground.wrap(build_model(family), byte_level_tokenizer())
    options = {"strategy": strategy, "temperature": 0.9, "top_k": 30, "repetition_penalty": 1.1, "max_new_tokens": 30}
    before = [lm.generate(PROMPT, seed=seed, **options) for seed in range(3)]
    assert lm.speed_up()
    assert traced_step(lm.loaded.model) is not None
    after = [lm.generate(PROMPT, seed=seed, **options) for seed in range(3)]
    assert [record.steps for record in after] == [record.steps for record in before]


def test_a_traced_step_is_not_seen_by_other_models_and_goes_with_its_own() -> None:
    lm, other = (playground.wrap(build_model("gpt2"), byte_level_tokenizer()) for _ in range(2))
    lm.speed_up()
    assert traced_step(other.loaded.model) is None


def test_visitors_at_once_get_what_each_would_get_alone() -> None:
    lm = playground.wrap(build_model("gpt2"), byte_level_tokenizer())
    lm.speed_up()
    alone = [lm.generate(PROMPT, seed=seed, max_new_tokens=40).token_ids for seed in range(4)]
    together: dict[int, tuple[int, ...]] = {}

    def visit(seed: int) -> None:
        together[seed] = lm.generate(PROMPT, seed=seed, max_new_tokens=40).token_ids

    threads = [threading.Thread(target=visit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(4)] == alone


def test_what_is_written_into_the_weights_is_seen() -> None:
    model = install(build_model("gpt2"))
    step = trace_step(model)
    assert step is not None
    with torch.inference_mode():
        cache = tensors_of(model(input_ids=torch.tensor([[5, 6, 7]]), use_cache=True).past_key_values)
        before, *_ = step(torch.tensor([[8]]), *with_room(cache, 1))
        model.transformer.ln_f.weight.mul_(2)
        after, *_ = step(torch.tensor([[8]]), *with_room(cache, 1))
    assert not torch.equal(before, after)
