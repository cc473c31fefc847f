"""The Attribution tab: it follows the selection, measures on request, and its columns select."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import analyse, expect_to_fit, generate, open_tab, wait_for_mark

TEXT = "Once upon a time there was a little girl."


def rows_measured(page: Page) -> list[int]:
    """Return how many tokens each method has a score for."""
    return page.locator("#attribution .chart-plot").evaluate(
        "plot => plot.data[0].z.map(row => row.filter(score => score !== null).length)"
    )


def test_it_follows_the_selection_and_measures_on_request(page: Page) -> None:
    analyse(page, TEXT)
    open_tab(page, "Attribution")
    page.locator("#tokens [data-token-index='7']").click()
    wait_for_mark(page, "attribution", x0=6.5)
    expect(page.locator("#attribution-sentence")).to_contain_text("(token 7) has")
    assert rows_measured(page) == [0, 0, 7, 7]
    page.locator("#attribute").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#attribution-progress")).to_contain_text("add up to")
    expect(page.locator("#attribute")).to_be_enabled()
    assert rows_measured(page) == [7, 7, 7, 7]
    expect(page.locator("#attribution-agreement")).to_contain_text("Rank correlation (Spearman) over 7 tokens")
    open_tab(page, "Choices")
    open_tab(page, "Attribution")
    expect(page.locator("#attribution-progress")).to_contain_text("add up to")  # nothing is lost
    page.locator("#attribution .nsewdrag").click(position={"x": 5, "y": 20})
    expect(page.locator("#attribution .chart-empty")).to_contain_text("Nothing stands before the first token")


def test_it_is_stopped(page: Page) -> None:
    generate(page, "Once upon a time", length=40)
    open_tab(page, "Attribution")
    expect(page.locator("#attribution-sentence")).to_contain_text("has")
    page.locator("#attribute").click()
    expect(page.locator("#attribute-stop")).to_be_enabled()
    page.locator("#attribute-stop").click()
    expect(page.locator("#attribute")).to_be_enabled()
    expect(page.locator("#attribute-stop")).to_be_disabled()


def test_without_a_text_it_says_so(page: Page) -> None:
    open_tab(page, "Attribution")
    page.locator("#attribute").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("There is no text yet")


def test_it_fits_the_screen(narrow_page: Page) -> None:
    page = narrow_page
    analyse(page, TEXT)
    open_tab(page, "Attribution")
    page.locator("#tokens [data-token-index='5']").click()
    expect(page.locator("#attribution .chart-plot")).to_be_visible()
    expect_to_fit(page)
