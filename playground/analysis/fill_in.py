"""Masks in a text for models that read both ways: what could stand there, and filling them one after the other.

Masked language modelling: Devlin et al. 2019, arXiv 1810.04805.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float32

from playground.analysis.token_loss import not_a_number
from playground.attention.words import group_words
from playground.decoding.plan import check_context
from playground.models.inputs import model_inputs
from playground.models.loading import LoadedModel
from playground.models.reading import read_ids
from playground.records import Candidate, FillIn, Filling, MaskPrediction, PlaygroundError, ReadText, TextIds, Token

N_CANDIDATES = 10


def mask_id(loaded: LoadedModel) -> int:
    """Return the id of the model's mask. Raises PlaygroundError where it was trained to fill none."""
    name = loaded.spec.name
    if loaded.spec.kind != "encoder":
        raise PlaygroundError(
            f"{name} predicts what comes next and fills no masks: choose an encoder, such as fill-in or a BERT."
        )
    id = getattr(loaded.codec.tokenizer, "mask_token_id", None)
    if id is None:
        raise PlaygroundError(f"The tokenizer of {name} has no mask token, so there is nothing that it could fill.")
    return id


def mask_places(loaded: LoadedModel, text: TextIds, places: Sequence[int]) -> ReadText:
    """Return a text with masks in place of some of its tokens. Raises PlaygroundError for a place that there is not."""
    mask = mask_id(loaded)
    ids = list(text.ids)
    for place in places:
        if type(place) is not int or not 0 <= place < len(ids):
            raise PlaygroundError(f"There is no token {str(place)[:20]}: the text has {len(ids)}, counted from 0.")
        ids[place] = mask
    return read_ids(loaded, TextIds(tuple(ids), (), text.type_ids, text.second_at))


@torch.inference_mode()
def predict_masks(
    loaded: LoadedModel, read: ReadText, given: ReadText | None = None, n_candidates: int = N_CANDIDATES
) -> FillIn:
    """Run the model once over a text, and return what could stand at each of its masks.

    given: the text as it was before words of it were masked. Raises PlaygroundError where the model fills no masks,
    the text is too long, or what is computed is not a number.
    """
    mask = mask_id(loaded)
    given = given or read
    if len(given.tokens) != len(read.tokens):
        raise PlaygroundError("The text has another length than the one that it was made from: analyse it again.")
    places = [place for place, token in enumerate(read.tokens) if token.id == mask]
    words = group_words(given.tokens)
    if not places:
        return FillIn(read.tokens, given.tokens, words, ())
    log_probs = _log_probs(loaded, read, places)
    masks = tuple(
        _prediction(loaded, place, row, given.tokens[place] if given.tokens[place].id != mask else None, n_candidates)
        for place, row in zip(places, log_probs, strict=True)
    )
    return FillIn(read.tokens, given.tokens, words, masks)


@torch.inference_mode()
def fill_masks(loaded: LoadedModel, read: ReadText) -> tuple[Filling, ...]:
    """Fill every mask with its likeliest token, the surest one first, so that the others are read with it.

    One pass a mask. A special token is never put in. Raises PlaygroundError as predict_masks, and where there is no
    mask.
    """
    mask = mask_id(loaded)
    tokens = list(read.tokens)
    special = torch.tensor(sorted(loaded.codec.special_ids), device=loaded.model.device)
    filled: list[Filling] = []
    while places := [place for place, token in enumerate(tokens) if token.id == mask]:
        log_probs = _log_probs(loaded, ReadText(tuple(tokens), (), read.type_ids, read.second_at), places)
        allowed = log_probs.index_fill(1, special[special < log_probs.shape[1]], -math.inf)
        best, ids = allowed.max(-1)  # (mask,)
        surest = int(best.argmax())
        id = int(ids[surest])
        filled.append(Filling(places[surest], _candidate(loaded, id, math.exp(float(best[surest])))))
        tokens[places[surest]] = Token(id, *loaded.codec.candidate_text(id))
    if not filled:
        raise PlaygroundError("There is no mask to fill: mask a word first.")
    return tuple(filled)


def _log_probs(loaded: LoadedModel, read: ReadText, places: Sequence[int]) -> Float32[torch.Tensor, "place vocabulary"]:
    """Return what the model gives every token at some places."""
    check_context(loaded, len(read.tokens))
    inputs = model_inputs(loaded, [token.id for token in read.tokens])
    inputs.pop("use_cache")
    if read.type_ids:
        inputs["token_type_ids"] = torch.tensor([read.type_ids], device=loaded.model.device)
    logits = loaded.model(**inputs).logits[0, list(places)]
    log_probs = logits.float().log_softmax(-1)
    if bool(log_probs.isnan().any()):
        raise not_a_number(loaded)
    return log_probs


def _prediction(
    loaded: LoadedModel,
    place: int,
    log_probs: Float32[torch.Tensor, " vocabulary"],
    given: Token | None,
    n_candidates: int,
) -> MaskPrediction:
    probabilities = log_probs.exp()
    best, ids = probabilities.topk(min(n_candidates, len(probabilities)))
    entropy = float(torch.special.entr(probabilities).sum()) / math.log(2)
    found = tuple(_candidate(loaded, id, p) for id, p in zip(ids.tolist(), best.tolist(), strict=True))
    if given is None:
        return MaskPrediction(place, found, entropy)
    own = probabilities[given.id]
    return MaskPrediction(place, found, entropy, given, float(own), 1 + int((probabilities > own).sum()))


def _candidate(loaded: LoadedModel, id: int, probability: float) -> Candidate:
    return Candidate(id, *loaded.codec.candidate_text(id), probability, probability)
