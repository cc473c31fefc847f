"""What the capture costs a model of the size of GPT-2 small: decoding while nobody looks, and one layer captured."""

import gc
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import playground
from playground.attention.interface import NAME
from tests.benchmarks import gpt2_small
from tests.benchmarks.measurement import Measurement, seconds

N_ROUNDS = 7
N_CAPTURED = 1024  # tokens
N_DECODED = 48  # tokens
N_PROMPT = 64  # tokens
LAYER_BYTES = 12 * N_CAPTURED**2 * 4  # the weights of one layer's heads, in float32


def measure() -> list[Measurement]:
    """Decode with our attention and with torch's own in turns, and read a text with and without a capture in turns."""
    model: Any = gpt2_small.build_model()
    lm = playground.wrap(model, gpt2_small.build_tokenizer(), gpt2_small.NAME)
    ids = torch.randint(1000, 50_000, (1, N_CAPTURED), generator=torch.Generator().manual_seed(0))
    return [*measure_decoding(model, ids[:, :N_PROMPT]), *measure_capture(lm, ids)]


def measure_decoding(model: Any, prompt: torch.Tensor) -> list[Measurement]:
    """Measure greedy decoding by transformers' `generate` with either attention."""
    rates: dict[str, list[float]] = {NAME: [], "sdpa": []}
    wanted = {"max_new_tokens": N_DECODED, "min_new_tokens": N_DECODED, "do_sample": False, "pad_token_id": 0}
    for at in range(N_ROUNDS + 1):
        for name, found in rates.items():
            model.set_attn_implementation(name)
            rate = N_DECODED / seconds(lambda: model.generate(prompt, attention_mask=torch.ones_like(prompt), **wanted))
            if at:  # the first round warms up
                found.append(rate)
    model.set_attn_implementation(NAME)
    what = f"{gpt2_small.NAME}, {N_DECODED} tokens by transformers' `generate`, with"
    return [
        Measurement(f"{what} torch's own attention (sdpa)", "tokens/s", tuple(rates["sdpa"])),
        Measurement(f"{what} the attention that can be captured", "tokens/s", tuple(rates[NAME])),
        Measurement("the second over the first", "", ratios(rates[NAME], rates["sdpa"])),
    ]


def measure_capture(lm: "playground.LanguageModel", ids: torch.Tensor) -> list[Measurement]:
    """Measure one forward pass alone, and one of which a layer is captured and its weights computed."""
    given = tuple(ids[0].tolist())
    mask = torch.ones_like(ids)

    def plain() -> None:
        with torch.inference_mode():
            lm.loaded.model(input_ids=ids, attention_mask=mask, use_cache=False)

    def capture() -> None:
        lm.attention(given, layers=(0,)).weights(0)

    times: dict[Callable[[], None], list[float]] = {plain: [], capture: []}
    peaks: dict[Callable[[], None], list[float]] = {plain: [], capture: []}
    for at in range(N_ROUNDS + 1):
        for action in (plain, capture):
            peak_before = PeakMemory.reset()
            times[action].append(1000 * seconds(action))
            peaks[action].append(PeakMemory.read() - peak_before)
        if not at:  # the first round warms up
            times, peaks = {plain: [], capture: []}, {plain: [], capture: []}
    above = statistics.median(peaks[capture]) - statistics.median(peaks[plain])
    what = f"{gpt2_small.NAME}, {N_CAPTURED} tokens,"
    return [
        Measurement(f"{what} one forward pass", "ms", tuple(times[plain])),
        Measurement(f"{what} one layer captured and its weights computed", "ms", tuple(times[capture])),
        Measurement("the second over the first", "", ratios(times[capture], times[plain])),
        Measurement("its peak memory above the forward pass's, in weights of one layer", "", (above / LAYER_BYTES,)),
    ]


def ratios(some: list[float], others: list[float]) -> tuple[float, ...]:
    """Return the ratio in each round: what slows the machine in one touches both."""
    return tuple(one / other for one, other in zip(some, others, strict=True))


class PeakMemory:
    """The most memory that this process has held, as Linux counts it (man proc_pid_clear_refs)."""

    @staticmethod
    def reset() -> int:
        """Begin anew, and return how many bytes are held now."""
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        return PeakMemory.read()

    @staticmethod
    def read() -> int:
        """Return the most bytes since then."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
