"""Encoder-decoders and encoders on the page: two texts, the kinds of attention, and what is selected in them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import BrowserContext, Locator, Page, expect

import playground
from playground.attention.attention import Attention
from tests.browser.conftest import choose, joined_chips, set_number, wait_for_mark, watched_pages
from tests.models.checkpoints import TOKENIZERS, build_model
from tests.server import running_app

SOURCE, TARGET = "The fox said to the girl", "une petite fille"
FIRST, SECOND = "The fox said to the girl, I'm going home.", "A little house by the wood."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Save a tiny encoder-decoder, whose sides differ in layers and heads, and a tiny encoder."""
    made = {family: tmp_path_factory.mktemp(family) for family in ("marian", "bert")}
    for family, folder in made.items():
        build_model(family).save_pretrained(folder)
        TOKENIZERS[family]().save_pretrained(folder)
    return made


@pytest.fixture(scope="module")
def served(folders: dict[str, Path]) -> Iterator[str]:
    with running_app("--model", *map(str, folders.values())) as url:
        yield url


@pytest.fixture
def open_text(served: str, context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Open the page, take a model, and analyse two texts with it."""
    with watched_pages(context) as opened:

        def open_text(model: str, first: str, second: str, **looks: object) -> Page:
            page = opened(served, "of 64 tokens to read", **looks)
            if model != "marian":
                page.locator("#model input").click()
                page.get_by_role("option").filter(has_text=model).click()
                expect(page.locator("#room")).to_contain_text("is an encoder")
            analyse(page, first, second)
            return page

        yield open_text


def analyse(page: Page, first: str, second: str) -> None:
    page.locator("#prompt textarea").fill(first)
    page.locator("#second-text textarea").fill(second)
    page.locator("#status .status").evaluate("line => { line.textContent = ''; }")
    page.locator("#analyse").click()
    expect(page.locator("#status")).to_contain_text("read without generating")


def wait_for_map(page: Page, expected: np.ndarray) -> None:
    """Wait until the map shows these weights."""
    page.wait_for_function(
        """(expected) => {
            const plot = document.querySelector("#head-map .chart-plot");
            const z = plot?._fullData?.[0]?.z;
            if (!z || z.length !== expected.length || z[0].length !== expected[0].length) return false;
            const { low, unit } = plot.layout.meta;
            return expected.every((row, y) => row.every((value, x) => Math.abs(low + z[y][x] * unit - value) < 2e-4));
        }""",
        arg=expected.tolist(),
    )


def choose_kind(page: Page, name: str) -> None:
    page.locator("#attention-kind").get_by_text(f"{name}:").click()


def chip(page: Page, at: int) -> Locator:
    return page.locator(f"#tokens [data-token-index='{at}']")


@pytest.fixture(scope="module")
def attention(folders: dict[str, Path]) -> Attention:
    return playground.load(str(folders["marian"])).attention(SOURCE, TARGET)


def test_every_kind_shows_what_the_model_computed(open_text: Callable[..., Page], attention: Attention) -> None:
    page = open_text("marian", SOURCE, TARGET)
    last = len(attention.target_tokens) - 2  # the row from which the last token was chosen
    wait_for_map(page, attention.weights(0, 0, kind="cross"))
    wait_for_mark(page, "head-map", y0=last - 0.5)
    expect(page.get_by_role("combobox", name="Head", exact=True)).to_have_value("0")
    choose_kind(page, "decoder")
    wait_for_map(page, attention.weights(0, 0, kind="decoder"))
    wait_for_mark(page, "head-map", y0=last - 0.5)
    choose_kind(page, "encoder")
    wait_for_map(page, attention.weights(0, 0, kind="encoder"))
    wait_for_mark(page, "head-map", y0=len(attention.tokens) - 1.5)  # the source's last token has a row of its own


def test_layers_and_heads_follow_the_kind(open_text: Callable[..., Page], attention: Attention) -> None:
    page = open_text("marian", SOURCE, TARGET)
    choose_kind(page, "encoder")
    wait_for_map(page, attention.weights(0, 0, kind="encoder"))
    for name, place, head in (("Layer", "2", 0), ("Head", "3", 3)):
        choose(page, name, place)
        wait_for_map(page, attention.weights(2, head, kind="encoder"))
    choose_kind(page, "cross")  # two layers of two heads
    wait_for_map(page, attention.weights(1, 1, kind="cross"))
    wait_for_mark(page, "heads-overview", x0=1, y0=1)
    expect(page.get_by_role("combobox", name="Layer", exact=True)).to_have_value("1")
    page.get_by_role("combobox", name="Layer", exact=True).click()
    expect(page.get_by_role("option", name="1", exact=True)).to_have_count(1)
    expect(page.get_by_role("option", name="2", exact=True)).to_have_count(0)


def test_a_token_of_the_target_tints_the_source(open_text: Callable[..., Page], attention: Attention) -> None:
    page = open_text("marian", SOURCE, TARGET)
    wait_for_map(page, attention.weights(0, 0, kind="cross"))
    n_source = len(attention.tokens)
    page.get_by_role("button", name="where the head looked").click()
    chip(page, n_source + 2).click()  # the second token that was written, chosen from the first one's row
    wait_for_mark(page, "head-map", y0=0.5)
    chip(page, 3).hover()
    expect(page.locator(".playground-tip")).to_contain_text("token 3 of the source")
    weight = attention.weights(0, 0, kind="cross")[1, 3]
    expect(page.locator(".playground-tip")).to_contain_text(f"weight here: {weight:.3f}")
    chip(page, n_source + 1).hover()
    expect(page.locator(".playground-tip")).to_contain_text("token 1 of the target")
    expect(page.locator(".playground-tip")).not_to_contain_text("weight")
    choose_kind(page, "decoder")
    wait_for_map(page, attention.weights(0, 0, kind="decoder"))
    chip(page, n_source).hover()
    expect(page.locator(".playground-tip")).to_contain_text("with it the decoder starts")
    weight = attention.weights(0, 0, kind="decoder")[1, 0]
    expect(page.locator(".playground-tip")).to_contain_text(f"weight here: {weight:.3f}")
    chip(page, n_source + 3).hover()
    expect(page.locator(".playground-tip")).to_contain_text("comes later")


def test_a_token_without_a_row_leaves_the_other_texts_one(open_text: Callable[..., Page], attention: Attention) -> None:
    page = open_text("marian", SOURCE, TARGET)
    wait_for_map(page, attention.weights(0, 0, kind="cross"))
    n_source = len(attention.tokens)
    chip(page, n_source + 2).click()
    wait_for_mark(page, "head-map", y0=0.5)
    chip(page, 4).click()
    caption = page.locator("#panel-head .caption").first
    expect(caption).to_contain_text("is of the source, and only the target looks here")
    wait_for_mark(page, "head-map", y0=0.5)
    choose_kind(page, "encoder")
    wait_for_map(page, attention.weights(0, 0, kind="encoder"))
    wait_for_mark(page, "head-map", y0=3.5)


def test_what_an_instrument_cannot_show_it_says(open_text: Callable[..., Page], attention: Attention) -> None:
    page = open_text("marian", SOURCE, TARGET)
    wait_for_map(page, attention.weights(0, 0, kind="cross"))
    tabs = page.locator("#attention-views")
    for name, place, words in (
        ("Flow", "#token-flow", "cross-attention leads from one to another"),
        ("Positions", "#positions", "no distance between its two tokens"),
        ("Mask", "#mask-note", "no causal mask: hide tokens of the source"),
    ):
        tabs.get_by_role("tab", name=name, exact=True).click()
        expect(page.locator(place)).to_contain_text(words)
    expect(page.get_by_label("causal mask off")).to_be_disabled()
    page.get_by_label("Hide tokens").fill("2")
    page.get_by_label("Hide tokens").press("Enter")
    expect(page.locator("#mask-note")).to_contain_text("the decoder does not see")
    tabs.get_by_role("tab", name="Inside the head", exact=True).click()
    page.get_by_role("button", name="5 Mask").click()
    expect(page.locator("#inside-head")).to_contain_text("This attention hides nothing")


def test_generating_gives_both_texts(open_text: Callable[..., Page], folders: dict[str, Path]) -> None:
    page = open_text("marian", SOURCE, "")
    expect(page.locator("#status")).to_contain_text("The target is empty")
    expect(page.locator("#attention-kind label")).to_have_count(1)  # the encoder's alone
    set_number(page, "max-new-tokens", 5)
    page.locator("#generate").click()
    expect(page.locator("#status")).to_contain_text("ended because")
    lm = playground.load(str(folders["marian"]))
    record = lm.generate(SOURCE, max_new_tokens=5)
    wait_for_map(page, lm.attention(record).weights(0, 0, kind="encoder"))  # what was chosen stays chosen
    choose_kind(page, "cross")
    wait_for_map(page, lm.attention(record).weights(0, 0, kind="cross"))
    assert joined_chips(page) == SOURCE + record.text
    assert page.locator("#tokens .chip-part").evaluate_all("lines => lines.map(line => line.dataset.part)") == [
        "source",
        "target",
    ]


def test_a_text_beyond_the_context_says_how_much_was_left_out(open_text: Callable[..., Page]) -> None:
    page = open_text("marian", "house and wood " * 40, TARGET)
    expect(page.locator("#status")).to_contain_text("The model reads 64: the last")
    expect(page.locator("#status")).to_contain_text("were left out")


def test_a_pair_of_sentences(open_text: Callable[..., Page], folders: dict[str, Path]) -> None:
    page = open_text("bert", FIRST, SECOND)
    lm = playground.load(str(folders["bert"]))
    pair = lm.attention(FIRST, pair=SECOND)
    wait_for_map(page, pair.weights(0, 0))
    boundaries = page.locator("#head-map .chart-plot").evaluate(
        "plot => plot.layout.shapes.filter(shape => shape.name === 'group').map(shape => [shape.x0, shape.y0])"
    )
    assert sorted(map(str, boundaries)) == sorted(map(str, [[pair.second_at - 0.5, 0], [0, pair.second_at - 0.5]]))
    expect(page.locator("#attention-kind")).to_be_hidden()
    assert joined_chips(page) == FIRST + SECOND
    chip(page, pair.second_at).click()
    wait_for_mark(page, "head-map", y0=pair.second_at - 0.5)  # an encoder's token has a row of its own
    for setting in ("#strategy", "#temperature", "#presets", "#next-token"):  # it writes nothing that they could change
        expect(page.locator(setting)).to_be_hidden()
    page.locator("#generate").click()
    expect(page.locator("#status .status-error")).to_contain_text("is an encoder")
    expect(page.locator("#status .status-error")).to_contain_text("Press “Analyse without generating”")
    analyse(page, FIRST, "")
    wait_for_map(page, lm.attention(FIRST).weights(0, 0))
    expect(page.locator("#tokens .chip-part")).to_have_count(0)


def test_both_texts_fit_a_narrow_page(open_text: Callable[..., Page], attention: Attention) -> None:
    page = open_text("marian", SOURCE, TARGET, viewport={"width": 360, "height": 800}, color_scheme="dark")
    wait_for_map(page, attention.weights(0, 0, kind="cross"))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    page.locator("#attention-kind").get_by_role("radio").nth(1).focus()
    page.keyboard.press("Space")
    wait_for_map(page, attention.weights(0, 0, kind="decoder"))


def test_programs_get_every_kind(served: str, folders: dict[str, Path], attention: Attention) -> None:
    client = Client(served, verbose=False)
    for kind in attention.kinds:
        answer = client.predict(SOURCE, layer=1, head=1, kind=kind, target=TARGET, api_name="/attention")
        assert np.array(answer["weights"]) == pytest.approx(attention.weights(1, 1, kind=kind), abs=1e-5)
    bert = str(folders["bert"])
    answer = client.predict(FIRST, model=bert, layer=1, pair=SECOND, api_name="/attention")
    expected = playground.load(bert).attention(FIRST, pair=SECOND).weights(1)
    assert np.array(answer["weights"]) == pytest.approx(expected, abs=1e-5)
    for arguments, message in (
        ({"kind": "cross"}, "The target is empty"),
        ({"kind": "cross", "target": TARGET, "layer": 2}, "layer must be a whole number from 0 to 1"),
        ({"kind": "cross", "target": TARGET, "head": 2}, "head must be a whole number from 0 to 1"),
        ({"kind": "self", "target": TARGET}, "there is: encoder or decoder or cross"),
        ({"model": bert, "kind": "cross"}, "there is: self"),
        ({"model": bert, "target": TARGET}, "it takes no target"),
    ):
        with pytest.raises(AppError, match=message):
            client.predict(SOURCE, **arguments, api_name="/attention")
    assert client.predict(SOURCE, api_name="/attention")["kind"] == "encoder"
