"""The tiles of the overview, worked out while the forward pass goes on."""

import math
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from jaxtyping import Float32

from playground.attention.interface import AttentionCall
from playground.attention.weights import block_maxima, is_plain
from playground.models.cores import has_free_core

MAX_TILE = 48  # cells along each side
_WORTH_IT = 256  # tokens: below, all tiles together take a few milliseconds


def block_of(n_queries: int, n_keys: int, max_tile: int = MAX_TILE) -> tuple[int, int]:
    """Return how many queries by keys one cell of a tile of at most `max_tile` x `max_tile` stands for."""
    return math.ceil(n_queries / max_tile), math.ceil(n_keys / max_tile)


class TilesAhead:
    """Works out the tiles of each layer on a core that torch leaves free, as soon as the layer has run.

    When the pass ends only those of the last layer are missing. It is done with when `close` is called.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1) if has_free_core() else None
        # By the call, which is kept as long as this is
        self._found: dict[int, Future[Float32[torch.Tensor, "head row column"] | None]] = {}

    def begin(self, call: AttentionCall) -> None:
        """Work on a call that has just been kept."""
        if self._pool is not None and call.query.device.type == "cpu" and call.query.shape[2] >= _WORTH_IT:
            self._found[id(call)] = self._pool.submit(_maxima_of, call)

    def close(self) -> None:
        """Take no more calls; those that were begun are finished."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def of(self, call: AttentionCall, block: tuple[int, int]) -> Float32[torch.Tensor, "head row column"] | None:
        """Return the maxima of a call, None where they were not worked out."""
        found = self._found.get(id(call))
        if found is None or block != block_of(call.query.shape[2], call.key.shape[2]):
            return None
        return found.result()


def _maxima_of(call: AttentionCall) -> Float32[torch.Tensor, "head row column"] | None:
    with torch.inference_mode():
        return block_maxima(call, block_of(call.query.shape[2], call.key.shape[2])) if is_plain(call) else None
