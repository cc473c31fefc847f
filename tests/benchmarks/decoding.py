"""Tokens a second: transformers alone, recorded, and sent to a program; the page's own are in page.py."""

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
from gradio_client import Client
from transformers import AutoModelForCausalLM, AutoTokenizer

import playground
from playground.decoding.loop import continue_text
from playground.decoding.plan import plan_decoding
from playground.decoding.processors import Draw, build_filters
from playground.decoding.traced import traced_step
from playground.records import GenerationSettings
from tests.benchmarks.measurement import seconds

PROMPT = "Once upon a time, there was a little girl"
SEEDS_TRIED = 100


@dataclass(frozen=True)
class Settings:
    """The same for every way of decoding, so that all give the same tokens."""

    seed: int
    max_new_tokens: int
    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 1.0
    strategy: str = "sample"


class Bare:
    """The model as transformers loads and runs it, with nothing of this project around it."""

    def __init__(self, folder: str, dtype: str, device: str) -> None:
        """Load the model from `folder`."""
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
        self.model = model.to(device).eval()
        self.inputs = self.tokenizer(PROMPT, return_tensors="pt").to(device)

    def generate(self, settings: Settings) -> list[int]:
        """Return the ids that follow the prompt."""
        torch.manual_seed(settings.seed)
        output = self.model.generate(
            **self.inputs,
            do_sample=True,
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            max_new_tokens=settings.max_new_tokens,
            pad_token_id=self.tokenizer.eos_token_id,
        )
        return output[0, self.inputs["input_ids"].shape[1] :].tolist()

    def long_runs(self, n_runs: int, n_tokens: int) -> list[Settings]:
        """Return settings with seeds whose texts do not end before `n_tokens`."""
        every = (Settings(seed=seed, max_new_tokens=n_tokens) for seed in range(SEEDS_TRIED))
        long = list(islice((settings for settings in every if len(self.generate(settings)) == n_tokens), n_runs))
        if len(long) < n_runs:
            raise RuntimeError(f"Of {SEEDS_TRIED} seeds only {len(long)} give {n_tokens} tokens.")
        return long


def bare_rate(bare: Bare, settings: Settings) -> float:
    """Return tokens a second of transformers' own `generate`."""
    return settings.max_new_tokens / seconds(lambda: bare.generate(settings))


def recorded_rate(lm: "playground.LanguageModel", settings: Settings) -> float:
    """Return tokens a second of `LanguageModel.generate`, every step recorded."""
    n_steps = 0

    def run() -> None:
        nonlocal n_steps
        n_steps = len(lm.generate(PROMPT, **asdict(settings)).steps)

    duration_s = seconds(run)
    assert n_steps == settings.max_new_tokens
    return n_steps / duration_s


def unrecorded_rate(lm: "playground.LanguageModel", settings: Settings) -> float:
    """Return tokens a second of the same loop over the same traced step, with nothing looking on."""
    model = lm.loaded.model
    wanted = GenerationSettings(**asdict(settings))
    length = 0

    def take(id: int, stages: list[torch.Tensor]) -> bool:
        nonlocal length
        length += 1
        return False

    def run() -> None:
        nonlocal length
        length = 0
        plan = plan_decoding(lm.loaded, PROMPT, wanted)
        continue_text(
            model,
            torch.tensor([plan.prompt_ids]),
            [one.process for one in build_filters(wanted)],
            take,
            eos_ids=plan.eos_ids,
            max_new_tokens=plan.max_new_tokens,
            draw=Draw(settings.seed, model.device),
            step=traced_step(model),
        )

    duration_s = seconds(run)
    assert length == settings.max_new_tokens
    return settings.max_new_tokens / duration_s


def client_rate(client: Client, settings: Settings) -> float:
    """Return tokens a second from asking `/generate` to its last message."""
    n_tokens = 0

    def run() -> None:
        nonlocal n_tokens
        messages: Any = client.submit(PROMPT, **asdict(settings), api_name="/generate")
        n_tokens = sum(len(message["new_tokens"]) for message in messages)

    duration_s = seconds(run)
    assert n_tokens == settings.max_new_tokens
    return n_tokens / duration_s
