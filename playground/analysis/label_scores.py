"""Classifying without training: which of several labels the model finds likeliest behind a prompt.

Brown et al. 2020, arXiv 2005.14165, section 2.4.
"""

import math
from collections.abc import Sequence

import torch

from playground.analysis.token_loss import not_a_number
from playground.decoding.plan import check_context
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import LabelScore, PlaygroundError, Token

FEWEST_LABELS, MOST_LABELS, LONGEST_LABEL = 2, 8, 40  # characters of a label


@torch.inference_mode()
def score_labels(loaded: LoadedModel, prompt: Sequence[Token], labels: Sequence[str]) -> tuple[LabelScore, ...]:
    """Return how likely each label is behind a prompt, the likeliest first.

    A label is read behind the prompt with a space before it: log P(label | prompt) is the sum over its tokens, and its
    probability the softmax over the labels. Raises PlaygroundError for a model that is no decoder, fewer than two or
    more than eight labels, and a prompt beyond the context.
    """
    if loaded.spec.kind != "decoder":
        raise PlaygroundError(f"{loaded.spec.name} is no decoder: labels are compared by what a decoder expects.")
    names = checked_labels(labels)
    found = [(name, *_log_prob(loaded, prompt, name)) for name in names]
    total = torch.tensor([value for *_, value in found], dtype=torch.float64).logsumexp(0)
    scores = [LabelScore(name, tokens, value, math.exp(value - float(total))) for name, tokens, value in found]
    return tuple(sorted(scores, key=lambda score: -score.probability))


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels, each once. Raises PlaygroundError for too few, too many or too long ones."""
    names = tuple(dict.fromkeys(label.strip() for label in labels if label.strip()))
    if not FEWEST_LABELS <= len(names) <= MOST_LABELS:
        raise PlaygroundError(f"Give {FEWEST_LABELS} to {MOST_LABELS} different labels, not {len(names)}.")
    if any(len(name) > LONGEST_LABEL for name in names):
        raise PlaygroundError(f"A label has at most {LONGEST_LABEL} characters.")
    return names


def _log_prob(loaded: LoadedModel, prompt: Sequence[Token], label: str) -> tuple[tuple[Token, ...], float]:
    """Return the tokens of a label and the log-probability that they follow the prompt, in nats."""
    tokens = tuple(token for token in loaded.codec.encode(f" {label}") if not token.special)
    ids = [token.id for token in (*prompt, *tokens)]
    check_context(loaded, len(ids))
    n_prompt = len(prompt)
    logits = loaded.model(**model_inputs(loaded, ids)).logits[0, n_prompt - 1 : -1]  # (label token, vocabulary)
    log_probs = logits.float().log_softmax(-1)
    wanted = torch.tensor([token.id for token in tokens], device=log_probs.device)
    value = float(log_probs.gather(1, wanted[:, None]).sum())
    if math.isnan(value):
        raise not_a_number(loaded)
    return tokens, value
