"""Labels: white space visible, markup escaped, all different on an axis."""

import pytest

from playground.records import Token
from playground.views.labels import axis_labels, elide, plain_label, visible


def token(text: str, label: str | None = None) -> Token:
    return Token(1, text, text if label is None else label)


@pytest.mark.parametrize(
    ("text", "shown"), [(" a", "·a"), ("\n", "⏎"), ("\t\r", "⇥␍"), ("\x00\x07", "␀␇"), ("\u00a0", "⍽"), ("é你", "é你")]
)
def test_white_space_and_control_characters_are_signs(text, shown):
    assert visible(text) == shown


def test_long_labels_are_elided():
    assert elide("x" * 16) == "x" * 16
    assert elide("x" * 17) == "x" * 15 + "…"


def test_a_token_without_text_has_a_label():
    assert plain_label(token("")) == "∅"
    assert plain_label(token("", "⟨E4 B8⟩")) == "⟨E4·B8⟩"


def test_axis_labels_are_escaped_and_all_different():
    labels = axis_labels([token("<b>"), token(" the"), token(" the"), token("&lt;"), token(" the")])
    assert labels[0] == "&lt;b&gt;"
    assert labels[3] == "&amp;lt;"
    assert len(set(labels)) == 5
    assert {label.replace("\u200b", "") for label in labels[1:3]} == {"·the"}
