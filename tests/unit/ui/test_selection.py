"""Layers are chosen among those that have attention; what goes wrong is said in the status line."""

from types import SimpleNamespace

from playground.records import AttentionShape, MapView, PlaygroundError
from playground.ui.session import Session
from playground.ui.status import says_errors
from playground.ui.wiring import Wiring


def test_a_hybrid_offers_the_layers_that_have_attention():
    """Of eight layers two look from token to token, as in Zamba."""
    backend = SimpleNamespace(
        attention_shapes=lambda model, text: (AttentionShape("self", (2, 7), 4),),
    )
    before = Session("zamba", ids=(1, 2), layer=5, head=9, map_view=MapView(other_layer=6, other_head=9))
    session = Wiring.within_model(SimpleNamespace(backend=backend), before)
    assert session.layers == (2, 7)
    assert (session.layer, session.layer_number, session.head) == (1, 7, 3)
    assert (session.map_view.other_layer, session.map_view.other_head) == (1, 3)


def test_an_error_is_said_and_nothing_else_changes():
    class Page:
        status = "status"

        @says_errors
        def on_click(self, wrong):
            if wrong:
                raise PlaygroundError("<b> is no token")
            return {"map": 1}

    assert Page().on_click(wrong=False) == {"map": 1}
    said = Page().on_click(wrong=True)
    assert list(said) == ["status"]
    assert "&lt;b&gt; is no token" in said["status"]
    assert "status-error" in said["status"]
