"""What a model has no answer for is said of the model, and is what the instruments themselves refuse."""

import pytest

import playground
from playground.analysis import instruments
from playground.models.anatomy import anatomy_of
from playground.records import Change, Compression, PlaygroundError
from tests.models import checkpoints
from tests.models.families import FAMILIES, IDS, tiny_lm


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_writes_lacks_the_filling_of_masks_only(family):
    absent = tiny_lm(family).absent_instruments()
    assert set(absent) == {"fill-in-tab"}
    assert "fills no masks" in absent["fill-in-tab"]


def test_an_encoder_lacks_what_follows_from_writing(tiny):
    lm = tiny("bert").lm
    absent = lm.absent_instruments()
    assert set(absent) == {"choices", "steps", "beams", "what-if", "compress", "cost", "compare"}
    assert all("is an encoder" in reason for reason in absent.values())
    refused = [
        lambda: lm.generate("Once"),
        lambda: lm.what_if(list(IDS), 3, Change()),
        lambda: list(lm.compare_compressed(list(IDS), Compression("int8"))),
        lm.cost,
    ]
    for ask in refused:
        with pytest.raises(PlaygroundError):
            ask()


def test_layers_that_are_no_chain_cannot_be_switched_off():
    """Capabilities come from the model: something stands between the layers of this one."""
    model = checkpoints.build_model("gpt2")
    second = model.transformer.h[1]
    second.register_forward_pre_hook(lambda _, args: (args[0] + 1, *args[1:]))
    lm = playground.wrap(model, checkpoints.byte_level_tokenizer(), "odd")
    with pytest.raises(PlaygroundError) as told:
        anatomy_of(lm.loaded)
    assert lm.absent_instruments()["what-if"] == str(told.value)


def test_a_model_that_fails_in_its_own_way_hides_nothing(monkeypatch):
    def fail(_):
        raise RuntimeError("shape")

    monkeypatch.setattr(instruments, "model_cost", fail)
    assert set(tiny_lm("gpt2").absent_instruments()) == {"fill-in-tab"}
