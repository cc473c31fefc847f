"""The pictures and sentences of embeddings, and which tokens words mean."""

import numpy as np
import pytest

from playground.records import Embeddings, LensStage, Neighbour, PlaygroundError, Token, TokenPaths
from playground.ui.embeddings_panel import chosen_places
from playground.views.embeddings import draw_norms, draw_paths, embeddings_sentence, neighbours_html

CAT, DOG, BOLD = Token(1, " cat", " cat"), Token(2, " dog", " dog"), Token(3, "<b>", "<b>")
STAGES = (LensStage("input"), LensStage("layer", 0), LensStage("layer", 1))
PATHS = TokenPaths(
    (0, 2), (CAT, BOLD), STAGES, np.arange(12, dtype=np.float32).reshape(3, 2, 2), (0.5, 0.25), 2,
    np.array([1.0, 2.5, 4.0], np.float32),
)  # fmt: skip


def test_a_path_a_token_through_all_stages():
    figure = draw_paths(PATHS)
    assert [trace.name for trace in figure.data] == [" cat (0)".replace(" cat", "·cat"), "&lt;b&gt; (2)"]
    assert list(figure.data[1].x) == [2, 6, 10]
    assert figure.data[1].line.width > figure.data[0].line.width  # the selected one
    assert figure.layout.xaxis.title.text == "50 % of the variance"


def test_norms_stage_by_stage():
    figure = draw_norms(PATHS)
    assert (list(figure.data[0].x), list(figure.data[0].y)) == (["input", "layer 0", "layer 1"], [1, 2.5, 4])


def test_what_is_said():
    near = (Neighbour(DOG, 0.75), Neighbour(BOLD, 0.5))
    assert embeddings_sentence(Embeddings(CAT, near, PATHS)) == (
        "Nearest to “·cat” among the input embeddings: “·dog”, at a cosine of 0.75. Its vector in the residual stream "
        "grows from 1.0 to 4.0 on the way up."
    )
    assert embeddings_sentence(Embeddings(CAT, near, None, "No paths.")).endswith("0.75. No paths.")
    assert "&lt;b&gt;" in neighbours_html(near)
    assert "<b>" not in neighbours_html(near)


def test_words_mean_tokens_of_the_text():
    tokens = (CAT, DOG, CAT, BOLD)
    assert chosen_places(tokens, ("Cat", "<b>"), 0) == (0, 2, 3)
    assert chosen_places(tokens, (), 1) == (0, 1)
    with pytest.raises(PlaygroundError, match="No token of this text is “house”"):
        chosen_places(tokens, ("house",), 0)
    with pytest.raises(PlaygroundError, match="at most 20"):
        chosen_places((CAT,) * 21, ("cat",), 0)
