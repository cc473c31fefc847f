"""The loss of each token: what the model was trained to make small."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Float32

from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.records import PlaygroundError, ReadText, TokenLoss

_ROWS = 128  # rows of logits in float32 at a time: 25 MB at a vocabulary of 50,000

_looks_ahead: "WeakKeyDictionary[torch.nn.Module, bool]" = WeakKeyDictionary()


@torch.inference_mode()
def token_loss(loaded: LoadedModel, read: ReadText) -> TokenLoss:
    """Return the loss of each token of a text; of an encoder-decoder, of each token of its target.

    The mean over all but the first is what transformers gives for `labels=`. Raises PlaygroundError where the model
    predicts no token from those before it, and where what it computes is not a number.
    """
    model: Any = loaded.model
    written = written_tokens(loaded, read)
    check_looks_back(loaded)
    ids = [token.id for token in written]
    target = ids if loaded.spec.kind == "encoder-decoder" else ()
    logits = model(**model_inputs(loaded, [token.id for token in read.tokens], target)).logits[0]  # (token, vocabulary)
    chosen, sums = losses_of(logits, ids)
    return token_loss_of(loaded, read, chosen, sums)


def check_predicts_next(loaded: LoadedModel) -> None:
    """Raise PlaygroundError for an encoder."""
    if loaded.spec.kind == "encoder":
        raise PlaygroundError(f"{loaded.spec.name} is an encoder: it predicts no token from those before it.")


def written_tokens(loaded: LoadedModel, read: ReadText) -> tuple[Any, ...]:
    """Return the tokens that the model predicts from those before them.

    Raises PlaygroundError for an encoder, and for an encoder-decoder without a target.
    """
    check_predicts_next(loaded)
    if loaded.spec.kind == "decoder":
        return read.tokens
    if len(read.target_tokens) < 2:
        raise PlaygroundError("There is no target yet: generate, or analyse a text with one.")
    return read.target_tokens


def losses_of(
    logits: Float[torch.Tensor, "token vocabulary"], ids: list[int]
) -> tuple[Float32[torch.Tensor, " following"], Float32[torch.Tensor, " following"]]:
    """Return the logit of each token but the first, and the log of the sum of e^logit."""
    following = torch.tensor(ids[1:], dtype=torch.long, device=logits.device)
    own, sums = [], []
    for start in range(0, len(following), _ROWS):
        chosen = following[start : start + _ROWS, None]  # (row, 1)
        rows = logits[start : start + len(chosen)].float()  # (row, vocabulary)
        own.append(rows.gather(1, chosen)[:, 0])
        sums.append(rows.logsumexp(-1))
    nothing = torch.zeros(0, device=logits.device)
    return torch.cat([*own, nothing]), torch.cat([*sums, nothing])


def token_loss_of(
    loaded: LoadedModel,
    read: ReadText,
    own: Float32[torch.Tensor, " following"],
    sums: Float32[torch.Tensor, " following"],
) -> TokenLoss:
    """Return the record of what losses_of gave. Raises PlaygroundError where it is not a number."""
    if bool((sums - own).isnan().any()):
        raise not_a_number(loaded)
    nothing = np.full(1, np.nan, np.float32)
    logits, log_sums = (np.concatenate([nothing, part.cpu().numpy()]) for part in (own, sums))
    losses = np.concatenate([nothing, (sums - own).cpu().numpy()])
    return TokenLoss(written_tokens(loaded, read), losses, logits, log_sums)


def not_a_number(loaded: LoadedModel) -> PlaygroundError:
    """Return what is raised where a model computes NaN."""
    return PlaygroundError(
        f"What {loaded.spec.name} computes is not a number: its weights are damaged, or {loaded.spec.dtype} is too "
        "narrow for it. Load the weights again, or try --dtype float32."
    )


def check_looks_back(loaded: LoadedModel) -> None:
    """Raise PlaygroundError for models that see what they predict, such as XLNet; looked up once."""
    model: Any = loaded.model
    if loaded.spec.kind != "decoder":
        return
    if model not in _looks_ahead:
        n_rows = model.get_input_embeddings().num_embeddings
        ids = [[(3 + 5 * at) % n_rows for at in range(4)] + [last % n_rows] for last in (1, 2)]
        first, second = (model(**model_inputs(loaded, text)).logits[0, :4].float() for text in ids)
        _looks_ahead[model] = not torch.allclose(first, second, rtol=0, atol=1e-2, equal_nan=True)
    if _looks_ahead[model]:
        raise PlaygroundError(f"{loaded.spec.name} sees a token before it predicts it, so a loss of it says nothing.")
