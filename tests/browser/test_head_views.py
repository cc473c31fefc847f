"""The views of one head: map options, patterns, the arithmetic, flow, mask, files; mouse and keyboard."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import playground
from playground.ui.tabs.attention import MODEL_ORDER
from tests.browser.conftest import (
    choose,
    figure,
    generate,
    open_tab,
    unfold_settings,
    wait_for_mark,
    wait_for_weights,
)

PROMPT = "Once upon a time there was a little girl"


def write(page: Page) -> None:
    generate(page, PROMPT, length=4)


@pytest.fixture(scope="module")
def attention() -> "playground.Attention":
    lm = playground.load("stories")
    return lm.attention(lm.generate(PROMPT, max_new_tokens=4))


SHOWN_BY = {
    "Map": "#head-map .main-svg >> nth=0",
    "Patterns": "#patterns tbody tr >> nth=0",
    "Inside the head": "#inside-head .formula",
    "Flow": "#token-flow .main-svg >> nth=0",
    "Positions": "#positions .main-svg >> nth=0",
    "Mask": "#mask-map .main-svg >> nth=0",
}


def open_view(page: Page, name: str) -> None:
    open_tab(page, name, "#attention-views")


def shown_weights(page: Page, elem_id: str) -> np.ndarray:
    return np.array(
        page.locator(f"#{elem_id} .chart-plot").evaluate(
            """plot => {
                const { low, unit } = plot.layout.meta;
                return Array.from(plot._fullData[0].z, row => Array.from(row, value => low + value * unit));
            }"""
        )
    )


def test_the_map_shows_what_was_chosen_of_the_layer(page: Page, attention: "playground.Attention") -> None:
    generate(page, PROMPT, length=4)
    choose(page, "Show", "mean of the layer's heads")
    wait_for_weights(page, "head-map", attention.weights(0).mean(0))
    choose(page, "Show", "weight × length of the value")
    wait_for_weights(page, "head-map", attention.norm_map(0, 0).norms)
    choose(page, "Show", "weights between words")
    wait_for_weights(page, "head-map", attention.word_map(0, 0).weights)
    choose(page, "Show", "this head minus another")
    choose(page, "The other (layer.head)", "1.6")
    wait_for_weights(page, "head-map", attention.weights(0, 0) - attention.weights(1, 6))


def test_colours_change_without_the_server(page: Page) -> None:
    generate(page, PROMPT, length=4)
    before = shown_weights(page, "head-map")
    scale = "() => JSON.stringify(document.querySelector('#head-map .chart-plot')._fullData[0].colorscale)"
    linear = page.evaluate(scale)
    page.get_by_label("logarithmic colours").click()
    page.wait_for_function(f"before => ({scale})() !== before", arg=linear)
    page.get_by_label("without the first token").click()
    page.wait_for_function("() => document.querySelector('#head-map .chart-plot')._fullData[0].z[3][0] === 0")
    assert page.evaluate(scale) != linear  # a new map keeps the colours that were chosen
    assert before[3, 0] > 0


def test_the_text_shows_where_the_head_looked(written: Page, attention: "playground.Attention") -> None:
    written.get_by_role("button", name="where the head looked").click()
    chip = written.locator("#tokens [data-token-index='3']")
    chip.hover()
    weight = attention.weights(0, 0)[len(attention.tokens) - 2, 3]
    expect(written.locator(".playground-tip")).to_contain_text(f"the head's weight here: {weight:.3f}")
    written.get_by_role("button", name="probability", exact=True).click()
    chip.hover()
    expect(written.locator(".playground-tip")).not_to_contain_text("weight")


def test_patterns_sort_filter_and_open_a_head(written: Page, attention: "playground.Attention") -> None:
    open_view(written, "Patterns")
    patterns = attention.patterns()
    scores = patterns.scores[patterns.names.index("previous")]
    layer, head = np.unravel_index(np.nanargmax(scores), scores.shape)
    written.get_by_role("button", name="previous token", exact=True).click()
    first = written.locator("#patterns tbody tr").first
    expect(first.locator("th")).to_have_text(f"{layer}.{head}")
    expect(first.locator("td").first).to_have_text(f"{scores[layer, head]:.2f}")
    first.locator("button").focus()
    written.keyboard.press("Enter")
    wait_for_mark(written, "heads-overview", x0=int(head), y0=int(layer))
    expect(written.locator("#pattern-sentence")).to_contain_text(f"Layer {layer}, head {head}, in this text: ")
    written.locator("#patterns select").select_option("none")
    assert written.locator("#patterns tbody tr").count() < scores.size
    written.get_by_text("repeated random tokens").click()
    expect(written.locator("#pattern-sentence")).to_contain_text("on repeated random tokens")


def test_the_overview_sorts_by_a_pattern_and_a_tile_still_opens_its_head(written: Page) -> None:
    choose(written, "Order", "previous token")
    written.wait_for_function("() => document.querySelector('#heads-overview .chart-plot')?.layout?.meta?.order")
    layer, head = figure(written, "heads-overview")["layout"]["meta"]["order"][0]
    written.locator("#heads-overview .chart-plot").focus()
    for _ in range(10):
        written.keyboard.press("ArrowUp")
    for _ in range(10):
        written.keyboard.press("ArrowLeft")
    expect(written.locator(".playground-tip")).to_contain_text(f"layer {layer}, head {head}")
    written.keyboard.press("Enter")
    expect(written.get_by_role("combobox", name="Layer", exact=True)).to_have_value(str(layer))
    expect(written.get_by_role("combobox", name="Head", exact=True)).to_have_value(str(head))
    choose(written, "Order", MODEL_ORDER)


def test_the_arithmetic_ends_at_what_the_model_computed(page: Page, attention: "playground.Attention") -> None:
    generate(page, PROMPT, length=4)
    page.locator("#tokens [data-token-index='5']").click()
    open_view(page, "Inside the head")
    inside = page.locator("#inside-head")
    expect(inside).to_contain_text("asks: its query vector q has 32 numbers")
    inside.get_by_role("button", name="1 Query").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(inside.get_by_role("button", name="6 Softmax")).to_have_attribute("aria-pressed", "true")
    row = attention.query_key(0, 0, 4)
    for at, weight in enumerate(row.weights[:5]):
        expect(inside.locator("tbody tr").nth(at).locator("td.with-bar")).to_have_text(f"{weight:.3f}")
    expect(inside.locator("tr.hidden-key").first).to_contain_text("−∞")
    expect(inside.locator(".formula-lit")).to_have_text("softmax")
    page.keyboard.press("End")
    expect(inside.locator(".inside-check")).to_contain_text("from what the model itself computed")
    assert row.model_output is not None
    np.testing.assert_allclose(row.output, row.model_output, atol=1e-5)


def test_a_new_answer_leaves_the_keyboard_at_the_steps(written: Page) -> None:
    """A fault once: the steps were drawn anew with each answer, and the keyboard's next key went to the page."""
    open_view(written, "Inside the head")
    inside = written.locator("#inside-head")
    inside.get_by_role("button", name="1 Query").click()
    expect(inside).to_contain_text("asks: its query vector q has 32 numbers")
    asks = inside.locator(".step-text")
    before = asks.inner_text()
    written.locator("#tokens [data-token-index='5']").click()
    inside.get_by_role("button", name="1 Query").focus()
    expect(asks).not_to_have_text(before)
    expect(inside.get_by_role("button", name="1 Query")).to_be_focused()
    written.keyboard.press("End")
    expect(inside.locator(".inside-check")).to_contain_text("from what the model itself computed")


def test_flow_and_mask(page: Page, attention: "playground.Attention") -> None:
    generate(page, PROMPT, length=4)
    open_view(page, "Flow")
    query = len(attention.tokens) - 2
    wait_for_weights(page, "token-flow", attention.flow(query, "rollout").relevance[::-1])
    open_view(page, "Mask")
    expect(page.locator("#mask-note")).to_contain_text("Nothing is changed yet")
    page.locator("#mask-hidden input, #mask-hidden textarea").fill("0, 2-3")
    page.keyboard.press("Enter")
    wait_for_weights(page, "mask-map", attention.counterfactual(0, 0, (0, 2, 3)).weights)
    page.get_by_label("causal mask off").click()
    expect(page.locator("#mask-note")).to_contain_text("every token sees those after it")
    page.locator("#mask-hidden input, #mask-hidden textarea").fill("99")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("“99” is no token of this text")


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1920, "light")])
def test_no_view_is_wider_than_the_page(open_page, width: int, theme: str) -> None:
    page = open_page(width=width, height=800, theme=theme)
    if width < 720:
        unfold_settings(page)
    generate(page, PROMPT, length=12)
    for view, shown in SHOWN_BY.items():
        open_view(page, view)
        expect(page.locator(shown)).to_be_visible()
        for selector in ("#panel-prompt", "#panel-text", "#panel-overview", "#panel-head", "#attention-views"):
            box = page.locator(selector).bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width + 0.5, (view, selector)


def test_positions_are_drawn_with_what_shuffling_does(written: Page) -> None:
    open_view(written, "Positions")
    expect(written.locator("#positions-note")).to_contain_text("learned a vector for each position")
    expect(written.locator("#shuffle-note")).to_contain_text("of its weight to other tokens")
    written.wait_for_function("() => document.querySelector('#shuffled-map .chart-plot')?.data?.[0]?.z")
