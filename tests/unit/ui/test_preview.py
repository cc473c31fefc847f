"""What answers the controls takes anything that a browser can send: gradio does not look at it first."""

from types import SimpleNamespace

import pytest

from playground.records import PlaygroundError
from playground.ui.controls.preview import Preview
from playground.ui.fields import as_text


def refuse(*given):
    raise PlaygroundError("There is no such model.")


def preview_over(script):
    return Preview(SimpleNamespace(script=script, tokenize=refuse, next_token=refuse), None, None, None)


SENT = [None, 7, [], ["a"], {"a": 1}, float("nan"), 10**400, True]


RIGHT = {
    ("seed", 7),
    ("temperature", 7),
    ("do_sample", True),
    ("early_stopping", True),
}  # and a list of texts, or of none


@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("name", ["strategy", "temperature", "seed", "stop", "early_stopping", "do_sample"])
def test_a_setting_that_is_none_is_said_and_gives_no_distribution(name, sent):
    preview = preview_over(lambda *given: "code")
    said, code, _ = preview.on_settings("Once", "m", **{name: sent})
    is_right = sent in ([], ["a"]) if name == "stop" else isinstance(sent, int) and (name, sent) in RIGHT
    assert code == ("code" if is_right else "")
    assert ('role="alert"' in said) == (not is_right)
    assert preview.on_next_token("Once", "m", **{name: sent}) == ""


@pytest.mark.parametrize("sent", SENT)
def test_whatever_stands_for_prompt_and_model_is_read_as_text(sent):
    preview = preview_over(refuse)
    said, code, _ = preview.on_settings(sent, sent)
    assert code == "# There is no such model."
    assert ("no such model" in said) == bool(as_text(sent))
    assert preview.on_next_token(sent, sent) == ""


def test_nothing_is_an_empty_text():
    assert as_text(None) == as_text("") == ""
    assert as_text(["a"]) == "['a']"
