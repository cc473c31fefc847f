"""What is near a token in the vocabulary, and how the vectors of a text's tokens move through the layers."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32

from playground.analysis.logit_lens import ResidualStream
from playground.attention.ranges import check_place, check_places
from playground.models.loading import LoadedModel
from playground.records import Neighbour, PlaygroundError, Token, TokenPaths
from playground.records.embeddings import MOST_PATHS

N_NEIGHBOURS = 10
_ROWS = 8192  # embeddings in float32 at a time


@torch.inference_mode()
def nearest_tokens(loaded: LoadedModel, id: int, n: int = N_NEIGHBOURS) -> tuple[Neighbour, ...]:
    """Return the tokens whose input embeddings point most nearly where that of `id` does, itself left out.

    Raises PlaygroundError where the model keeps no table of embeddings.
    """
    weight = getattr(loaded.model.get_input_embeddings(), "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.ndim != 2:
        raise PlaygroundError(f"{loaded.spec.name} keeps no table of embeddings that its tokens could be compared in.")
    n_rows = min(len(weight), loaded.spec.vocabulary_size)
    own = torch.nn.functional.normalize(weight[check_place("id", id, n_rows)].float(), dim=0)  # (d_model,)
    cosines = torch.cat(
        [
            torch.nn.functional.normalize(weight[at : min(at + _ROWS, n_rows)].float(), dim=1) @ own
            for at in range(0, n_rows, _ROWS)
        ]
    )  # (vocabulary,)
    cosines[id] = -torch.inf
    best = cosines.topk(min(n, n_rows - 1))
    return tuple(
        Neighbour(Token(near, *loaded.codec.candidate_text(near)), cosine)
        for near, cosine in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    )


def trace_tokens(stream: ResidualStream, places: Sequence[int], position: int) -> TokenPaths:
    """Return the paths of the tokens at `places` through the layers, and the norms of the stream at `position`.

    Raises PlaygroundError where there is no such token, or where they are more than 20.
    """
    n_tokens = len(stream.written)
    places = check_places("places", places, n_tokens)
    if not 1 <= len(places) <= MOST_PATHS:
        raise PlaygroundError(f"Choose 1 to {MOST_PATHS} tokens of the text, not {len(places)}.")
    position = check_place("position", position, n_tokens)
    wanted = [at for at, stage in enumerate(stream.stages) if stage.part != "attention"]
    states = torch.stack([stream.states[at] for at in wanted]).float().cpu().numpy()  # (stage, token, d_model)
    chosen = states[:, list(places)]
    lengths = np.linalg.norm(chosen, axis=-1, keepdims=True)
    points, explained = principal_components(chosen / np.maximum(lengths, 1e-12))
    return TokenPaths(
        places=places,
        tokens=tuple(stream.written[place] for place in places),
        stages=tuple(stream.stages[at] for at in wanted),
        points=points,
        explained=explained,
        position=position,
        norms=np.linalg.norm(states[:, position], axis=-1).astype(np.float32),
    )


def principal_components(
    vectors: Float[np.ndarray, "*place d_model"],
) -> tuple[Float32[np.ndarray, "*place 2"], tuple[float, float]]:
    """Return vectors in their first two principal components, and the variance that each has.

    The sign of a component is chosen so that its largest entry is positive: it has none of its own.
    """
    flat = vectors.reshape(-1, vectors.shape[-1]).astype(np.float64)
    centred = flat - flat.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(1)])[:, None]
    shown = np.zeros((len(flat), 2))
    shown[:, : len(axes)] = centred @ axes.T
    total = float((sizes**2).sum())
    shares = [float(size**2) / total if total > 0 else 0.0 for size in sizes[:2]]
    first, second = (*shares, 0.0, 0.0)[:2]
    return shown.reshape(*vectors.shape[:-1], 2).astype(np.float32), (first, second)
