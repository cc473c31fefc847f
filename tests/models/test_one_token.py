"""A text of one token only: every view shows it, or says why it cannot."""

import numpy as np
import pytest

from playground.backends import local
from playground.records import MapView, PlaygroundError, TextIds

TEXT = {"gpt2": TextIds((20,)), "bert": TextIds((20,)), "bart": TextIds((20,), (30,)), "gptj": TextIds((20,))}


@pytest.fixture
def backend(tiny, monkeypatch):
    monkeypatch.setattr(local.models, "load", lambda name, device, dtype: tiny(name).lm)
    return local.LocalBackend(list(TEXT))


@pytest.mark.parametrize("family", TEXT)
def test_all_that_is_computed_of_a_head(backend, family):
    text = TEXT[family]
    for shape in backend.attention_shapes(family, text):
        kind = shape.kind
        weights = backend.head_map(family, text, 0, 0, kind).weights
        assert weights.shape == ((1, 1) if kind in ("self", "encoder") else (2, 2) if kind == "decoder" else (2, 1))
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
        for view in (MapView(heads="mean"), MapView(heads="max"), MapView(hide_first=True)):
            assert np.isfinite(backend.head_map(family, text, 0, 0, kind, view).weights).all()
        assert backend.query_key(family, text, 0, 0, 0, kind).weights.sum() == pytest.approx(1)
        assert np.isfinite(backend.norm_map(family, text, 0, 0, kind).norms).all()
        assert backend.word_map(family, text, 0, 0, kind).weights.shape == weights.shape
        assert backend.head_rows(family, text, 0, kind).weights.shape[2] == weights.shape[1]
        assert backend.attention_summary(family, text, kind).tiles.shape[2:] == weights.shape
        for found in backend.head_patterns(family, text, kind).of(0, 0).values():
            assert np.isnan(found.score) or 0 <= found.score <= 1 + 1e-6
        assert (backend.shuffle_comparison(family, text, kind=kind).changes == 0).all()  # there is one order only
        changed = backend.counterfactual_map(family, text, 0, 0, mask_off=True, kind=kind)
        np.testing.assert_allclose(changed.weights.sum(-1), 1, atol=1e-6)
        if kind != "cross":
            for method in ("rollout", "flow"):
                flow = backend.token_flow(family, text, 0, method, kind)
                np.testing.assert_allclose(flow.relevance[0].sum(), 1, atol=1e-5)


def test_the_only_token_cannot_be_hidden(backend):
    for ask in (
        lambda: backend.counterfactual_map("gpt2", TEXT["gpt2"], 0, 0, [0]),
        lambda: backend.masked_prediction("gpt2", TEXT["gpt2"], [0]),
        lambda: backend.masked_prediction("bart", TEXT["bart"], [0], kind="encoder"),
    ):
        with pytest.raises(PlaygroundError, match="At least one token must stay in sight"):
            ask()
