"""All heads of all layers, each as a small tile."""

import math

import numpy as np
import torch
from jaxtyping import UInt8

from playground.attention.layers import Layers
from playground.attention.tiles import block_of
from playground.models.cores import on_all_cores


def all_tiles(layers: Layers, n_queries: int, n_keys: int, max_tile: int) -> UInt8[np.ndarray, "layer head row column"]:
    """Return for every head the maxima of blocks of its weights, 0 to 255."""
    block = block_of(n_queries, n_keys, max_tile)
    n_rows, n_columns = math.ceil(n_queries / block[0]), math.ceil(n_keys / block[1])
    tiles = np.zeros((layers.n_layers, layers.n_heads, n_rows, n_columns), dtype=np.uint8)

    def fill(layer: int) -> None:
        maxima = layers.maxima(layer, block)  # (head, row, column)
        tiles[layer, : len(maxima)] = maxima.mul(255).round_().clamp_(0, 255).to(torch.uint8).numpy()

    on_all_cores(fill, range(layers.n_layers))
    return tiles
