"""The Python lines that repeat a run with transformers alone."""

import inspect
from pathlib import Path
from typing import Any

from playground.decoding import rules
from playground.decoding.plan import Plan, plan_decoding
from playground.models import catalogue
from playground.models.loading import LoadedModel
from playground.records import GenerationSettings, shown_name

# What generate would take from a checkpoint's own configuration, and its value that does nothing
_NEUTRAL: dict[str, Any] = {
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_length": 0,
    "min_new_tokens": 0,
    "num_beams": 1,
    "length_penalty": 1.0,
    "early_stopping": False,
    "min_p": 0.0,
    "typical_p": 1.0,
    "encoder_no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}


def write_script(loaded: LoadedModel, prompt: str, settings: GenerationSettings) -> str:
    """Return a program that gives the same ids, and prints their text. It is to be run in the project's folder.

    Raises PlaygroundError where such a run cannot be.
    """
    plan = plan_decoding(loaded, prompt, settings)
    is_pair = loaded.spec.kind == "encoder-decoder"
    auto = "AutoModelForSeq2SeqLM" if is_pair else "AutoModelForCausalLM"
    name = shown_name(loaded.spec.name)
    if name in catalogue.bundled_names():
        name = Path("assets", "models", name).as_posix()
    options = _options(loaded, plan)
    lines = [
        *(["from collections.abc import Callable, Sequence", ""] if plan.rules.forced else []),
        "import torch",
        f"from transformers import {auto}, AutoTokenizer",
        "",
        f"name = {name!r}",
        "tokenizer = AutoTokenizer.from_pretrained(name)",
        f"model = {auto}.from_pretrained(name, dtype={loaded.spec.dtype!r})",
        f"ids = tokenizer({prompt!r}, return_tensors='pt').input_ids",
        *(_forced_words(plan, loaded) if plan.rules.forced else []),
        *([f"torch.manual_seed({settings.seed})"] if settings.draws else []),
        "output = model.generate(",
        "    ids,",
        "    attention_mask=torch.ones_like(ids),",
        *(f"    {option}={value}," for option, value in options.items()),
        ")",
        f"new_ids = output[:, {'1' if is_pair else 'ids.shape[1]'}:]",
        "for row in new_ids:",
        "    print(tokenizer.decode(row, skip_special_tokens=True))",
    ]
    return "\n".join(lines) + "\n"


def _options(loaded: LoadedModel, plan: Plan) -> dict[str, str]:
    """Return the arguments of generate, as source."""
    settings, own = plan.settings, loaded.model.generation_config
    options: dict[str, Any] = {"max_new_tokens": plan.max_new_tokens, "do_sample": settings.draws}
    if settings.draws:
        options |= {name: getattr(settings, name) for name in ("temperature", "top_k", "top_p")}
    wanted = _NEUTRAL | {name: getattr(settings, name) for name in ("repetition_penalty", "no_repeat_ngram_size")}
    if settings.draws:
        wanted |= {name: getattr(settings, name) for name in ("min_p", "typical_p")}
    if settings.searches:
        wanted |= {name: getattr(settings, name) for name in ("num_beams", "length_penalty", "early_stopping")}
    for name, value in wanted.items():
        if value != _NEUTRAL[name] or getattr(own, name, None) not in (None, value):
            options[name] = value
    more = {
        "num_return_sequences": settings.n_sequences if settings.n_sequences > 1 else None,
        "eos_token_id": sorted(plan.eos_ids) if own.eos_token_id is None else None,
        "bad_words_ids": [[*ids] for ids in plan.rules.never] if settings.bad_words else None,
        "stop_strings": [*settings.stop],
    }
    source = {name: repr(value) for name, value in (options | more).items() if value not in (None, [])}
    source |= {"tokenizer": "tokenizer"} if settings.stop else {}
    return source | ({"prefix_allowed_tokens_fn": "allowed"} if plan.rules.forced else {})


def _forced_words(plan: Plan, loaded: LoadedModel) -> list[str]:
    """Return the lines that define `allowed`, with the very functions that are used here."""
    end = plan.max_new_tokens - (plan.rules.forced_last is not None)
    given = "1" if plan.n_given == 1 and loaded.spec.kind == "encoder-decoder" else "ids.shape[1]"
    return [
        "",
        "Ids = tuple[int, ...]",
        "",
        "",
        *inspect.getsource(rules.holds).splitlines(),
        "",
        "",
        *inspect.getsource(rules.allowed_tokens).splitlines(),
        "",
        "",
        f"words = {[*plan.rules.forced]!r}",
        f"n_given = {given}",
        f"allowed = allowed_tokens(words, n_given, n_given + {end}, {sorted(plan.eos_ids)!r}, "
        f"{loaded.spec.vocabulary_size})",
    ]
