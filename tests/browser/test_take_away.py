"""What is taken away opens again: pictures, numbers, pages; and what is compared or left to BertViz."""

import base64
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

import playground
from tests.browser.conftest import PATIENCE_MS, analyse, choose, expect_to_fit, wait_for_maps, wait_for_weights
from tests.browser.test_head_views import open_view

TEXT = "Once upon a time there was a little girl who had a dog."
OTHER = "Once upon a time there was a little boy who had a dog."


@pytest.fixture(scope="module")
def lm() -> "playground.LanguageModel":
    return playground.load("stories")


def save(page: Page, selector: str, folder: Path) -> Path:
    """Press a button that saves a file, and return the file."""
    with page.expect_download() as download:
        page.locator(selector).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def check_png(context: BrowserContext, path: Path) -> None:
    """Decode a picture in the browser: it is large enough, its corner is white, and not all of it is."""
    page = context.new_page()
    width, corner, n_colours = page.evaluate(
        """async (data) => {
            const picture = new Image();
            picture.src = data;
            await picture.decode();
            const canvas = new OffscreenCanvas(picture.width, picture.height);
            const context = canvas.getContext("2d");
            context.drawImage(picture, 0, 0);
            const pixels = context.getImageData(0, 0, picture.width, picture.height).data;
            const colours = new Set();
            for (let at = 0; at < pixels.length; at += 4)
                colours.add((pixels[at] << 16) + (pixels[at + 1] << 8) + pixels[at + 2]);
            return [picture.width, [...pixels.slice(0, 4)], colours.size];
        }""",
        f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}",
    )
    page.close()
    assert width >= 300
    assert corner == [255, 255, 255, 255]
    assert n_colours > 10


def check_svg(path: Path, words: str) -> None:
    """Parse a picture: it is well-formed, on white, and says what it shows in dark ink."""
    root, svg = ElementTree.fromstring(path.read_text("utf-8")), "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{svg}svg"
    texts = ["".join(text.itertext()) for text in root.iter(f"{svg}text")]
    assert any(words in text for text in texts), texts
    ground = next(root.iter(f"{svg}rect")).attrib
    assert "fill: rgb(255, 255, 255)" in ground["style"]
    assert (ground["width"], ground["height"]) == (root.attrib["width"], root.attrib["height"])
    assert "rgb(34, 37, 46)" in path.read_text("utf-8")  # the light theme's ink


PICTURES = {
    "heads-overview": ("", "all heads"),
    "head-rows": ("", "every head, from"),
    "head-map": ("", "layer 0, head 0"),
    "row-bars": ("", "layer 0, head 0, from"),
    "token-flow": ("Flow", "rollout from"),
    "positions": ("Positions", "positions (learned)"),
    "shuffled-map": ("Positions", "shuffled minus this text"),
    "mask-map": ("Mask", "counterfactual"),
    "mask-prediction": ("Mask", "counterfactual prediction"),
}


def test_every_picture_is_saved_for_white_paper(
    open_page: Callable[..., Page], context: BrowserContext, tmp_path: Path
) -> None:
    page = open_page(theme="dark")
    analyse(page, TEXT)
    wait_for_maps(page)
    opened = ""
    for elem_id, (view, words) in PICTURES.items():
        if view != opened:
            open_view(page, view)
            opened = view
        page.locator(f"#{elem_id} .main-svg").first.wait_for()
        png = save(page, f"#{elem_id} [data-save=png]", tmp_path)
        assert re.fullmatch(r"stories-[A-Za-z0-9-]+\.png", png.name)
        check_png(context, png)
        check_svg(save(page, f"#{elem_id} [data-save=svg]", tmp_path), words)
    assert page.locator("body").get_attribute("class") == "dark"  # only the picture is light


def test_numbers_are_saved_exactly(page: Page, lm: "playground.LanguageModel", tmp_path: Path) -> None:
    attention = lm.attention(TEXT)
    analyse(page, TEXT)
    wait_for_maps(page)
    weights = attention.weights(0, 0)
    rows = list(csv.reader(io.StringIO(save(page, "#save-csv", tmp_path).read_text("utf-8-sig"))))
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], np.float32), weights)
    saved = np.load(save(page, "#save-npz", tmp_path))
    np.testing.assert_array_equal(saved["weights"], weights)
    ids = [token.id for token in attention.tokens]
    assert saved["key_ids"].tolist() == ids
    assert f"lm.attention({json.dumps(ids)})" in save(page, "#save-python", tmp_path).read_text()
    open_view(page, "Patterns")
    _, *table = csv.reader(io.StringIO(save(page, "#save-patterns", tmp_path).read_text("utf-8")))
    patterns = attention.patterns()
    scores = np.array([[float(cell or "nan") for cell in row[2:-1]] for row in table], np.float32)
    np.testing.assert_array_equal(scores, patterns.scores.transpose(1, 2, 0).reshape(len(table), -1))


def test_a_page_of_chosen_heads_opens_without_internet(
    page: Page, context: BrowserContext, lm: "playground.LanguageModel", tmp_path: Path
) -> None:
    attention = lm.attention(TEXT)
    analyse(page, TEXT)
    wait_for_maps(page)

    def weights_in(path: Path) -> list[np.ndarray]:
        context.set_offline(True)
        alone = context.new_page()
        alone.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        alone.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        alone.on("pageerror", lambda error: complaints.append(str(error)))
        alone.goto(path.as_uri())
        alone.wait_for_function(
            "() => [...document.querySelectorAll('.plotly-graph-div')].every(plot => plot._fullData?.[0]?.z)"
        )
        found = alone.evaluate(
            "() => [...document.querySelectorAll('.plotly-graph-div')]"
            ".map(plot => Array.from(plot._fullData[0].z, row => Array.from(row)))"
        )
        assert alone.locator("p.text").inner_text() == TEXT
        alone.close()
        context.set_offline(False)
        assert complaints == []
        return [np.array(each, np.float32) for each in found]

    (only,) = weights_in(save(page, "#save-html", tmp_path))
    np.testing.assert_array_equal(only, attention.weights(0, 0))
    choose(page, "What the page holds", "all heads of the layer")
    np.testing.assert_array_equal(weights_in(save(page, "#save-html", tmp_path)), attention.weights(0))
    choose(page, "What the page holds", "the heads listed")
    listed = page.locator("#save-list input, #save-list textarea")
    listed.fill("2.4, 0.1")
    first, second = weights_in(save(page, "#save-html", tmp_path))
    np.testing.assert_array_equal(first, attention.weights(2, 4))
    np.testing.assert_array_equal(second, attention.weights(0, 1))
    listed.fill("10.0")
    page.locator("#save-html").click()
    expect(page.locator("#status")).to_contain_text("“10.0” is no head of this model")


def test_a_text_is_kept_and_subtracted(narrow_page: Page, lm: "playground.LanguageModel") -> None:
    page = narrow_page
    analyse(page, TEXT)
    wait_for_maps(page)
    note = page.locator("#map-note")
    choose(page, "Show", "this text minus the kept one")
    expect(note).to_contain_text("No text is kept yet: keep this one")
    page.get_by_role("button", name="Keep this text for comparison").focus()
    page.keyboard.press("Enter")
    expect(note).to_contain_text(f"Kept: {TEXT[:20]}")
    expect(note).to_contain_text("Both texts are the same")
    analyse(page, OTHER)
    expect(note).to_contain_text("1 of ")
    wait_for_weights(page, "head-map", lm.attention(OTHER).weights(0, 0) - lm.attention(TEXT).weights(0, 0))
    labels = page.locator("#head-map .chart-plot").evaluate("plot => plot.data[0].x")
    assert "·boy/·girl" in labels
    longer = OTHER + " The dog ran."
    analyse(page, longer)
    n_longer, n_kept = len(lm.tokenize(longer)), len(lm.tokenize(TEXT))
    expect(note).to_contain_text(f"This text has {n_longer} tokens, the other one {n_kept}")
    expect(page.locator("#heads-overview .main-svg").first).to_be_visible()  # all else is shown
    expect_to_fit(page)
    choose(page, "Show", "this head's weights")
    wait_for_weights(page, "head-map", lm.attention(longer).weights(0, 0))


def test_bertviz_draws_the_layers_that_were_chosen(page: Page, lm: "playground.LanguageModel") -> None:
    n_layers = lm.spec.n_layers
    analyse(page, TEXT)
    wait_for_maps(page)
    open_view(page, "BertViz")
    frame = page.frame_locator("#bertviz iframe")
    expect(page.locator("#bertviz-first")).to_be_hidden()
    page.locator("#bertviz-view").get_by_text("model view").click()
    expect(frame.locator(".attn_background")).to_have_count(n_layers * 8)
    choose(page, "First layer", "2")
    expect(frame.locator(".attn_background")).to_have_count((n_layers - 2) * 8)
    choose(page, "Last layer", "3")
    expect(frame.locator(".attn_background")).to_have_count(2 * 8)
    expect(page.locator("#bertviz-note")).to_contain_text("Layers 2 to 3, drawn by BertViz")
    frame.locator("svg").click(position={"x": 100, "y": 100})
    expect(frame.locator("text.detail")).to_contain_text("Layer 2, Head")
    analyse(page, " ".join([TEXT] * 10))
    expect(page.locator("#bertviz-note")).to_contain_text("a browser stands still beyond 100,000")
    expect(page.locator("#bertviz iframe")).to_be_hidden()
    page.locator("#bertviz-view").get_by_text("head view").click()
    expect(frame.locator("#vis .attentionBoxes").first).to_be_attached()
    expect(page.locator("#bertviz-note")).to_contain_text("too many for the whole text")
