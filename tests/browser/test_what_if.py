"""The What if tab: parts switched off, what is written then, and which heads matter."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import analyse, chip_count, expect_to_fit, generate, open_tab, wait_for_mark

TEXT = "Once upon a time there was a little girl. The little girl"


def test_a_head_is_switched_off_and_on(page: Page) -> None:
    analyse(page, TEXT)
    open_tab(page, "What if")
    expect(page.locator("#change-sentence")).to_contain_text("Nothing is switched off yet")
    page.locator("#change-heads input").fill("4.5, 2.0-1")
    page.locator("#change-heads input").press("Enter")
    expect(page.locator("#change-sentence")).to_contain_text("Heads 4.5, 2.0, 2.1 pass on nothing")
    page.locator("#change-how").get_by_text("uniform attention").click()
    expect(page.locator("#change-sentence")).to_contain_text("look at all tokens alike")
    page.locator("#change-edges input").fill("5>0-2")
    page.locator("#change-edges input").press("Enter")
    expect(page.locator("#change-sentence")).to_contain_text("no head looks from 5 at 0, 5 at 1, 5 at 2")
    page.locator("#tokens [data-token-index='4']").click()
    wait_for_mark(page, "change-losses", x0=3.5)
    page.locator("#change-reset").click()
    expect(page.locator("#change-sentence")).to_contain_text("Nothing is switched off yet")
    expect(page.locator("#change-heads input")).to_have_value("")


def test_what_cannot_be_read_is_said(page: Page) -> None:
    analyse(page, TEXT)
    open_tab(page, "What if")
    for field, typed, said in (
        ("change-heads", "<b>4</b>", "is not a head"),
        ("change-layers", "ten", "is not a layer"),
        ("change-edges", "1-2", "is not a look"),
    ):
        box = page.locator(f"#{field} input")
        box.fill(typed)
        box.press("Enter")
        expect(page.locator("#status [role=alert]")).to_contain_text(said)
        box.fill("")


def test_what_there_is_not_is_said_in_its_place(page: Page) -> None:
    analyse(page, TEXT)
    open_tab(page, "What if")
    page.locator("#change-layers input").fill("99")
    page.locator("#change-layers input").press("Enter")
    expect(page.locator("#change-prediction .chart-empty")).to_contain_text("There is no layer 99")


def test_the_model_writes_on_under_the_change(page: Page) -> None:
    generate(page, "Once upon a time there was", length=8)
    open_tab(page, "What if")
    page.locator("#change-layers input").fill("0")
    page.locator("#change-layers input").press("Enter")
    expect(page.locator("#change-sentence")).to_contain_text("Layer 0 is left out")
    page.locator("#change-write").click()
    expect(page.locator("#change-written dd")).to_have_count(2)
    expect(page.locator("#change-written mark").first).to_be_visible()


def test_each_head_is_measured_and_can_be_switched_off_there(page: Page) -> None:
    analyse(page, TEXT)
    assert chip_count(page) > 8
    open_tab(page, "What if")
    page.locator("#measure-heads").click()
    expect(page.locator("#explains")).to_contain_text("Rank correlation (Spearman)")
    expect(page.locator("#importance-progress")).to_contain_text("Most changes with head")
    page.locator("#importance .chart-plot").evaluate(
        "plot => plot.emit('plotly_click', {points: [{pointIndex: [4, 5]}]})"
    )
    expect(page.locator("#change-heads input")).to_have_value("4.5")
    wait_for_mark(page, "importance", x0=5, y0=4)
    analyse(page, "Another text.")
    expect(page.locator("#importance .chart-plot")).to_be_hidden()


def test_without_a_text_it_says_so(page: Page) -> None:
    open_tab(page, "What if")
    page.locator("#measure-heads").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("There is no text yet")


def test_it_fits_the_screen(narrow_page: Page) -> None:
    page = narrow_page
    analyse(page, TEXT)
    open_tab(page, "What if")
    expect(page.locator("#change-prediction .chart-plot")).to_be_visible()
    expect_to_fit(page)
