"""What looking inside a model of the size of GPT-2 small costs: the logit lens, and the map of heads that matter."""

import threading

import torch

import playground
from tests.benchmarks import gpt2_small
from tests.benchmarks.capture import ratios
from tests.benchmarks.measurement import Measurement, milliseconds_in_turns

N_ROUNDS = 5
N_TOKENS = 256
N_MAPPED = 32  # tokens before the one whose heads are measured
N_ALONE = 12  # heads that are switched off in a pass of their own: the rest would take as long each


def measure() -> list[Measurement]:
    """Measure in turns, so that what slows the machine touches both sides."""
    lm = playground.wrap(gpt2_small.build_model(), gpt2_small.build_tokenizer(), gpt2_small.NAME)
    ids = torch.randint(1000, 50_000, (N_TOKENS,), generator=torch.Generator().manual_seed(0)).tolist()
    return [*measure_lens(lm, tuple(ids)), *measure_heads(lm, tuple(ids[: N_MAPPED + 1]))]


def measure_lens(lm: "playground.LanguageModel", ids: tuple[int, ...]) -> list[Measurement]:
    """Measure one forward pass alone, and the lens of the same text, from the text to the positions on screen."""
    given = torch.tensor([ids])

    def plain() -> None:
        with torch.inference_mode():
            lm.loaded.model(input_ids=given, use_cache=False)

    def lens() -> None:
        lm.logit_lens(lm.residuals(ids), N_TOKENS // 2)

    plain_ms, lens_ms = milliseconds_in_turns(plain, lens, N_ROUNDS)
    what = f"{gpt2_small.NAME}, {N_TOKENS} tokens,"
    return [
        Measurement(f"{what} one forward pass with all logits", "ms", tuple(plain_ms)),
        Measurement(f"{what} logit lens: all layers kept, the 24 positions on screen read", "ms", tuple(lens_ms)),
        Measurement("the second over the first", "", ratios(lens_ms, plain_ms)),
    ]


def measure_heads(lm: "playground.LanguageModel", ids: tuple[int, ...]) -> list[Measurement]:
    """Measure the map of all heads, and one pass for each head, as anyone would do it first."""
    n_heads = lm.spec.n_layers * lm.spec.n_query_heads
    model, token = lm.loaded.model, len(ids) - 1
    given = torch.tensor([ids[:token]])

    def alone() -> None:
        for head in range(N_ALONE):
            layer = head * lm.spec.n_layers // N_ALONE

            def zero(_: object, args: tuple[torch.Tensor, ...], head: int = head) -> tuple[torch.Tensor, ...]:
                mixed = args[0].clone()
                mixed[..., 64 * head : 64 * (head + 1)] = 0
                return (mixed,)

            handle = model.transformer.h[layer].attn.c_proj.register_forward_pre_hook(zero)
            with torch.inference_mode():
                model(input_ids=given, use_cache=False).logits[0, -1].log_softmax(-1)[ids[token]].item()
            handle.remove()

    def together() -> None:
        assert sum(1 for _ in lm.head_importance(ids, token, cancel=threading.Event())) > 0

    some_ms, together_ms = milliseconds_in_turns(alone, together, N_ROUNDS)
    alone_ms = [taken * n_heads / N_ALONE for taken in some_ms]
    what = f"{gpt2_small.NAME}, {N_MAPPED} tokens, {n_heads} heads"
    return [
        Measurement(f"{what}, one forward pass a head ({N_ALONE} of them measured)", "ms", tuple(alone_ms)),
        Measurement(f"{what}, all in copies that share the layers below", "ms", tuple(together_ms)),
        Measurement("the first over the second", "", ratios(alone_ms, together_ms)),
    ]
