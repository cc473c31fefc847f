"""The maps: mosaic, one head, every head from a token, BertViz."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import playground
from tests.browser.conftest import choose, figure, generate, marked, open_tab, wait_for_mark, wait_for_weights

PROMPT = "Once upon a time there was a little girl"


def write(page: Page) -> None:
    generate(page, PROMPT, length=4)


def plot_place(page: Page, elem_id: str, x: float, y: float) -> tuple[float, float]:
    """Return the place on the screen of a point of a chart."""
    page.locator(f"#{elem_id}").scroll_into_view_if_needed()
    place = page.locator(f"#{elem_id} .chart-plot").evaluate(
        """(plot, [x, y]) => {
            const { xaxis, yaxis } = plot._fullLayout;
            const { left, top } = plot.getBoundingClientRect();
            const at = (axis, value) => axis._offset + (axis.type === "category" ? axis.c2p(value) : axis.l2p(value));
            return [left + at(xaxis, x), top + at(yaxis, y)];
        }""",
        [x, y],
    )
    return place[0], place[1]


def test_the_map_shows_the_weights_of_the_model(written: Page) -> None:
    run = playground.load("stories").generate(PROMPT, max_new_tokens=4)
    attention = playground.load("stories").attention(run)
    wait_for_weights(written, "head-map", attention.weights(0, 0))
    z = written.locator("#head-map .chart-plot").evaluate(
        "plot => Array.from(plot._fullData[0].z, row => Array.from(row))"
    )
    assert np.array(z) / 65535 == pytest.approx(attention.weights(0, 0), abs=2e-5)


def test_a_tile_opens_its_head(written: Page) -> None:
    before = written.locator("#head-map .chart-plot").evaluate("plot => Array.from(plot._fullData[0].z[5])")
    written.mouse.click(*plot_place(written, "heads-overview", 3.5, 2.5))
    expect(written.get_by_role("combobox", name="Layer")).to_have_value("2")
    expect(written.get_by_role("combobox", name="Head")).to_have_value("3")
    wait_for_mark(written, "heads-overview", x0=3, y0=2)
    wait_for_mark(written, "head-rows", y0=2 * 8 + 3 - 0.5)
    after = written.locator("#head-map .chart-plot").evaluate("plot => Array.from(plot._fullData[0].z[5])")
    assert before != after


def test_layer_and_head_are_chosen_from_lists(written: Page) -> None:
    for name, value in (("Layer", "4"), ("Head", "6")):
        choose(written, name, value)
    wait_for_mark(written, "heads-overview", x0=6, y0=4)


def test_hover_words_a_weight(written: Page) -> None:
    run = playground.load("stories").generate(PROMPT, max_new_tokens=4)
    weight = playground.load("stories").attention(run).weights(0, 0)[7, 2]
    written.mouse.move(*plot_place(written, "head-map", 2, 7))
    expect(written.locator(".playground-tip")).to_contain_text(re.compile(rf"“.+” looks at “.+”: {weight:.2f}"))


def test_a_row_of_the_map_selects_the_token_chosen_there(written: Page) -> None:
    written.mouse.click(*plot_place(written, "head-map", 1, 4))
    expect(written.locator("#tokens [data-token-index='5']")).to_have_class(re.compile("chip-selected"))
    wait_for_mark(written, "head-map", y0=3.5)


def test_a_line_of_every_head_opens_that_head(written: Page) -> None:
    written.mouse.click(*plot_place(written, "head-rows", 1, 5 * 8 + 1))
    wait_for_mark(written, "heads-overview", x0=1, y0=5)
    assert marked(written, "head-rows")["y0"] == 5 * 8 + 0.5


def test_bertviz_draws_the_chosen_layer_in_a_sandbox(page: Page) -> None:
    generate(page, "The fox ran. The fox", length=2)
    page.get_by_role("tab", name="BertViz").click()
    frame = page.frame_locator("#bertviz iframe")
    expect(frame.locator("#vis text").first).to_be_visible()
    expect(frame.locator("#vis .attentionBoxes").first).to_be_attached()
    assert page.locator("#bertviz iframe").get_attribute("sandbox") == "allow-scripts"
    expect(page.locator("#panel-head")).to_contain_text("Layer 0, drawn by BertViz")
    page.mouse.click(*plot_place(page, "heads-overview", 0.5, 3.5))
    expect(page.locator("#panel-head")).to_contain_text("Layer 3, drawn by BertViz")


def test_tabs_lose_nothing(written: Page) -> None:
    written.locator("#tokens [data-token-index='4']").click()
    wait_for_mark(written, "head-map", y0=2.5)
    open_tab(written, "Choices")
    expect(written.locator("#panel-choices")).to_be_visible()
    open_tab(written, "Attention")
    wait_for_mark(written, "head-map", y0=2.5)
    assert len(figure(written, "head-map")["x"]) == written.locator("#tokens [data-token-index]").count()
