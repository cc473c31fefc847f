"""Words in another order, by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.shuffle import align, in_order, shuffled_order
from playground.records import TextIds


def test_aligned_by_hand():
    order = (0, 2, 1)  # the shuffled text has tokens 0, 2, 1
    weights = np.array([[1, 0, 0], [0.25, 0.75, 0], [0.5, 0.125, 0.375]], np.float32)
    # Token 1 stands last: it gives 0.5 to token 0, 0.375 to itself, 0.125 to token 2
    np.testing.assert_array_equal(align(weights, order), [[1, 0, 0], [0.5, 0.375, 0.125], [0.25, 0, 0.75]])


@given(st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_a_shuffle_keeps_every_token_and_the_first_place(n_tokens, seed):
    ids = tuple(range(100, 100 + n_tokens))
    order = shuffled_order(n_tokens, seed)
    assert sorted(order) == list(range(n_tokens))
    assert order[:1] == tuple(range(n_tokens))[:1]
    mixed = in_order(TextIds(ids, (7,), tuple(range(n_tokens))), order)
    assert mixed == TextIds(tuple(ids[place] for place in order), (7,), order)
    assert order == shuffled_order(n_tokens, seed)
