"""Activation patching in the What if tab."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import analyse, expect_to_fit, open_tab, wait_for_mark

TEXT = "Once upon a time there was a little girl. The little girl"
OTHER = "Once upon a time there was a little dog. The little dog"


def measure(page: Page, other: str) -> None:
    open_tab(page, "What if")
    page.locator("#patching-other textarea").fill(other)
    page.locator("#patching-measure").click()


def test_each_activation_is_swapped_and_a_cell_shows_what_comes_then(page: Page) -> None:
    analyse(page, TEXT)
    open_tab(page, "What if")
    page.locator("#tokens [data-token-index='12']").click()
    wait_for_mark(page, "change-losses", x0=11.5)
    measure(page, OTHER)
    expect(page.locator("#patching-sentence")).to_contain_text("As token 12 the other text has “·dog” likeliest")
    expect(page.locator("#patching-measure")).to_be_enabled()
    expect(page.locator("#patching-sentence")).not_to_contain_text("so far")
    page.locator("#patching .chart-plot").evaluate(
        "plot => plot.emit('plotly_click', {points: [{pointIndex: [2, 8]}]})"
    )
    wait_for_mark(page, "patching", x0=8, y0=2)
    expect(page.locator("#patching-prediction .chart-plot")).to_contain_text("with the swap")
    analyse(page, "Another text.")
    expect(page.locator("#patching .chart-plot")).to_be_hidden()


def test_texts_of_different_length_are_refused(page: Page) -> None:
    analyse(page, TEXT)
    measure(page, "<b>Once</b>")
    expect(page.locator("#status [role=alert]")).to_contain_text("it must have 12")
    expect(page.locator("#patching-measure")).to_be_enabled()


def test_it_fits_the_screen(narrow_page: Page) -> None:
    page = narrow_page
    analyse(page, TEXT)
    open_tab(page, "What if")
    expect(page.locator("#patching-measure")).to_be_visible()
    expect_to_fit(page)
