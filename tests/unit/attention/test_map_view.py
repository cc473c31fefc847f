"""What is made of a layer's weights, by hand."""

import numpy as np
import pytest

from playground.attention.map_view import view_weights, without_first
from playground.records import MapView

# [head, query, key]
LAYER = np.array([[[1, 0], [0.25, 0.75]], [[1, 0], [0.5, 0.5]]], dtype=np.float32)


class Given:
    def weights(self, layer, head=None, kind="self"):
        weights = LAYER * (1 if layer == 0 else 0.5)
        return weights if head is None else weights[head]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (MapView(), [[1, 0], [0.25, 0.75]]),
        (MapView(heads="mean"), [[1, 0], [0.375, 0.625]]),
        (MapView(heads="max"), [[1, 0], [0.5, 0.75]]),
        (MapView(heads="difference", other_layer=1, other_head=1), [[0.5, 0], [0, 0.5]]),
        (MapView(hide_first=True), [[0, 0], [0, 1]]),
    ],
)
def test_by_hand(view, expected):
    np.testing.assert_allclose(view_weights(Given(), 0, 0, "self", view), expected)


def test_the_rest_of_a_row_sums_to_one_again():
    weights = np.random.default_rng(0).dirichlet(np.ones(6), size=(3, 6)).astype(np.float32)
    rest = without_first(weights)
    assert (rest[..., 0] == 0).all()
    np.testing.assert_allclose(rest.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(rest[..., 1:] / rest[..., 1:2], weights[..., 1:] / weights[..., 1:2], rtol=1e-5)
    assert weights[0, 0, 0] > 0  # what was given is as it was
