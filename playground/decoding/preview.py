"""The distribution of the next token, with what the filters would need to know: nothing is generated."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from playground.decoding.plan import check_context, eos_ids
from playground.decoding.rules import TokenRules
from playground.models.loading import LoadedModel
from playground.records import GenerationSettings, NextToken, Reading, RuleEffect, Token

N_NAMED = 100
_ROWS = 128  # rows of logits in float32 at a time: 25 MB at a vocabulary of 50,000


@torch.inference_mode()
def next_token(
    loaded: LoadedModel,
    prompt_ids: Sequence[int],
    written_ids: Sequence[int],
    settings: GenerationSettings,
    start_ids: Sequence[int] = (),
) -> NextToken:
    """Return what comes behind a prompt and what has been written since.

    start_ids: what the decoder of an encoder-decoder begins with; the settings say which words are forbidden or forced.
    Raises PlaygroundError where the text does not fit the context, or a word cannot be written.
    """
    model: Any = loaded.model
    device = model.device
    ids: Any = torch.tensor([[*(start_ids or prompt_ids), *written_ids]], device=device)  # (1, length)
    check_context(loaded, ids.shape[1])
    if start_ids:
        check_context(loaded, len(prompt_ids), what="prompt")
    more: dict[str, Any] = {}
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        more["logits_to_keep"] = 1
    if start_ids:
        more |= {"decoder_input_ids": ids}
        output = model(input_ids=torch.tensor([[*prompt_ids]], device=device), **more)
    else:
        output = model(input_ids=ids, **more)
    logits = output.logits[0, -1].float()  # (vocabulary,)
    rules = TokenRules.of(model.generation_config).with_words(loaded, settings)
    n_given = ids.shape[1] - len(written_ids)
    filters = rules.build(
        n_given,
        n_given + settings.max_new_tokens,
        sorted(eos_ids(loaded)),
        device,
        n_tokens=loaded.spec.vocabulary_size,
    )
    effects, scores = [], torch.zeros(1, len(logits), device=device)
    for name, process in filters:
        after = process(ids, scores)
        kept = (after > -torch.inf)[0]
        if len(names := kept.nonzero()[:, 0].tolist()) < len(kept) // 2:
            effects.append(RuleEffect(name, tuple(names), keeps=True))
        elif not kept.all():
            effects.append(RuleEffect(name, tuple((~kept).nonzero()[:, 0].tolist()), keeps=False))
        scores = torch.zeros_like(scores)
    likely = logits.topk(min(N_NAMED, len(logits))).indices.tolist()
    names_of = [Token(id, *loaded.codec.candidate_text(id)) for id in likely]
    return NextToken(logits.cpu().numpy(), tuple(ids[0].tolist()), tuple(effects), tuple(names_of))


@torch.inference_mode()
def take_reading(loaded: LoadedModel, tokens: Sequence[Token]) -> Reading:
    """Return what a decoder thought of each token of a text, from all tokens before it."""
    check_context(loaded, len(tokens))
    model: Any = loaded.model
    ids = torch.tensor([[token.id for token in tokens]], device=model.device)
    logits = model(input_ids=ids).logits[0, :-1]  # (token - 1, vocabulary)
    ends = [id for id in eos_ids(loaded) if id < logits.shape[-1]]
    nothing = np.full(1, np.nan, np.float32)
    chosen, entropies, end_probs = [nothing], [nothing], [nothing]
    for start in range(0, len(logits), _ROWS):
        log_probs = logits[start : start + _ROWS].float().log_softmax(-1)  # (row, vocabulary)
        probs = log_probs.exp()
        following = ids[0, start + 1 : start + 1 + len(log_probs)]
        chosen.append(log_probs.gather(1, following[:, None])[:, 0].cpu().numpy())
        entropies.append((-torch.special.xlogy(probs, probs).sum(-1) / np.log(2)).cpu().numpy())
        end_probs.append(probs[:, ends].sum(-1).cpu().numpy())
    joined = (np.concatenate(parts) for parts in (chosen, entropies, end_probs))
    return Reading(tuple(tokens), *joined)
