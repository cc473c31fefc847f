"""Every view of a head opened and used twice: with the keyboard alone, and with the mouse alone."""

import pytest
from playwright.sync_api import Page, expect

import playground
from tests.browser.conftest import choose, generate, wait_for_weights
from tests.browser.test_attention import plot_place

PROMPT = "Once upon a time there was a little girl"


@pytest.fixture(scope="module")
def attention() -> "playground.Attention":
    lm = playground.load("stories")
    return lm.attention(lm.generate(PROMPT, max_new_tokens=4))


def view_tab(page: Page, name: str):
    return page.locator("#attention-views > .tab-wrapper").get_by_role("tab", name=name, exact=True)


def open_by_keyboard(page: Page, name: str) -> None:
    view_tab(page, name).focus()
    page.keyboard.press("Enter")


def press_on(page: Page, place, key: str) -> None:
    place.focus()
    page.keyboard.press(key)


def test_with_the_keyboard_alone(page: Page, attention: "playground.Attention") -> None:
    generate(page, PROMPT, length=4)
    press_on(page, page.get_by_label("without the first token"), "Space")
    page.wait_for_function("() => document.querySelector('#head-map .chart-plot')._fullData[0].z[3][0] === 0")
    press_on(page, page.locator("#tokens [data-token-index='0']"), "End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    query = len(attention.tokens) - 3  # the row from which the last token but one was chosen
    expect(page.locator("#panel-head .caption").first).to_contain_text(f"token {query + 1}")

    open_by_keyboard(page, "Patterns")
    press_on(page, page.get_by_role("button", name="first token", exact=True), "Enter")
    expect(page.locator("#patterns th[aria-sort='descending']")).to_have_text("first token")

    open_by_keyboard(page, "Inside the head")
    press_on(page, page.locator("#inside-head").get_by_role("button", name="1 Query"), "ArrowRight")
    expect(page.locator("#inside-head").get_by_role("button", name="2 Keys")).to_be_focused()

    open_by_keyboard(page, "Flow")
    wait_for_weights(page, "token-flow", attention.flow(query, "rollout").relevance[::-1])
    press_on(page, page.locator("#flow-method").get_by_label("maximum flow"), "Space")
    wait_for_weights(page, "token-flow", attention.flow(query, "flow").relevance[::-1])

    open_by_keyboard(page, "Positions")
    expect(page.locator("#positions-note")).to_contain_text("learned a vector for each position")

    open_by_keyboard(page, "Mask")
    page.locator("#mask-hidden input, #mask-hidden textarea").focus()
    page.keyboard.type("1-2")
    page.keyboard.press("Enter")
    wait_for_weights(page, "mask-map", attention.counterfactual(0, 0, (1, 2)).weights)
    press_on(page, page.get_by_label("causal mask off"), "Space")
    expect(page.locator("#mask-note")).to_contain_text("every token sees those after it")

    open_by_keyboard(page, "BertViz")
    press_on(page, page.locator("#bertviz-view").get_by_label("model view"), "Space")
    expect(page.locator("#bertviz-note")).to_contain_text("drawn by BertViz")
    press_on(page, page.get_by_role("combobox", name="First layer"), "ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="First layer")).not_to_have_value("0")


def test_with_the_mouse_alone(page: Page, attention: "playground.Attention") -> None:
    generate(page, PROMPT, length=4)
    tip = page.locator(".playground-tip")
    query = len(attention.tokens) - 2
    page.mouse.move(*plot_place(page, "heads-overview", 2.5, 1.5))
    expect(tip).to_contain_text("layer 1, head 2")
    page.mouse.move(*plot_place(page, "head-rows", 1, 3))
    expect(tip).to_contain_text("looks at")
    choose(page, "Show", "maximum of the layer's heads")
    wait_for_weights(page, "head-map", attention.weights(0).max(0))

    view_tab(page, "Patterns").click()
    page.locator("#patterns tbody tr").nth(5).locator("button").click()
    expect(page.locator("#pattern-sentence")).to_contain_text("in this text: ")

    view_tab(page, "Inside the head").click()
    inside = page.locator("#inside-head")
    inside.get_by_role("button", name="8 Weighted sum").click()
    expect(inside.locator(".inside-check")).to_contain_text("from what the model itself computed")

    view_tab(page, "Flow").click()
    page.locator("#flow-method").get_by_text("maximum flow", exact=True).click()
    wait_for_weights(page, "token-flow", attention.flow(query, "flow").relevance[::-1])
    page.mouse.move(*plot_place(page, "token-flow", 1, 2))
    expect(tip).to_contain_text("from “")

    view_tab(page, "Positions").click()
    page.wait_for_function("() => document.querySelector('#positions .chart-plot')?.data?.[0]?.z")
    page.mouse.move(*plot_place(page, "positions", 3, 2))
    expect(page.locator("#positions .hoverlayer .hovertext").first).to_be_visible()

    view_tab(page, "Mask").click()
    page.get_by_label("causal mask off").click()
    expect(page.locator("#mask-note")).to_contain_text("every token sees those after it")

    view_tab(page, "BertViz").click()
    page.locator("#bertviz-view").get_by_text("model view").click()
    choose(page, "First layer", "2")
    expect(page.locator("#bertviz-note")).to_contain_text("Layers 2 to")
