"""Which heads a page shall have, and which layers BertViz; what a visitor writes may be anything."""

import pytest

from playground.records import AttentionShape, PlaygroundError
from playground.ui.head_views.bertviz import shown_layers
from playground.ui.head_views.save import read_heads
from playground.ui.session import Session


def test_heads_are_read_by_the_numbers_of_the_model():
    assert read_heads("12.3, 4.0;12.3", (4, 12), 4) == [(1, 3), (0, 0)]


@pytest.mark.parametrize("text", ["0.0", "4.4", "4", "a.b", "-4.1", "4.1.1", "²", "9" * 500, "<b>"])
def test_what_is_no_head_is_refused_with_what_there_is(text):
    with pytest.raises(PlaygroundError, match="the layers are 4, 12, the heads 0 to 3"):
        read_heads(text, (4, 12), 4)


def test_no_heads_and_too_many_are_refused():
    with pytest.raises(PlaygroundError, match=r"such as 0\.1, 2\.4"):
        read_heads(" , ", (0,), 4)
    with pytest.raises(PlaygroundError, match="at most 64 heads, and 65"):
        read_heads(" ".join(f"0.{head}" for head in range(65)), (0,), 70)


@pytest.mark.parametrize(("layers", "shown"), [(None, (0, 2)), ((3, 1), (1, 3)), ((-5, 99), (0, 5))])
def test_the_model_view_has_the_layers_chosen_or_those_that_fit(layers, shown):
    shapes = (AttentionShape("self", tuple(range(6)), 8),)
    session = Session("stories", ids=(1,) * 60, shapes=shapes, bertviz_layers=layers)
    assert shown_layers(session, 8) == shown


def test_a_text_that_is_too_long_for_one_layer_still_names_one():
    session = Session("stories", ids=(1,) * 500, shapes=(AttentionShape("self", (0, 1), 8),))
    assert shown_layers(session, 8) == (0, 0)
