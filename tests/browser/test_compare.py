"""The Compare tab: runs side by side, the grid, the same asked again; each can be stopped."""

import pytest
from playwright.sync_api import Page, expect

import playground
from playground.analysis.text_metrics import distinct_n
from tests.browser.conftest import choose, expect_to_fit, open_tab, set_number

PROMPT = "Once upon a time"
LENGTH = 12


@pytest.fixture(scope="module")
def stories() -> playground.LanguageModel:
    return playground.load("stories")


def open_compare(page: Page, length: int = LENGTH) -> None:
    set_number(page, "max-new-tokens", length)
    open_tab(page, "Compare")
    expect(page.locator("#compare-start")).to_be_visible()


def test_two_settings_side_by_side(page: Page, stories: playground.LanguageModel) -> None:
    open_compare(page)
    expect(page.locator("#panel-compare-3")).to_be_hidden()
    expect(page.locator("#compare-text-1")).to_contain_text("Press Compare")
    page.locator("#compare-start").click()
    expect(page.locator("#compare-status")).to_contain_text("Compared.")
    for slot, strategy in ((1, "greedy"), (2, "sample")):
        record = stories.generate(PROMPT, strategy=strategy, max_new_tokens=LENGTH)
        text = page.locator(f"#compare-text-{slot} .compare-text")
        assert text.evaluate("box => box.textContent") == record.text
        row = page.locator("#compare-table tbody tr").nth(slot - 1)
        expect(row).to_contain_text(f"{distinct_n(record.token_ids, 1):.2f}")
    expect(page.locator("#compare-text-2 mark").first).to_be_visible()
    expect(page.locator("#compare-text-1 mark")).to_have_count(0)


def test_stop_ends_all_runs_and_keeps_what_is_there(page: Page) -> None:
    open_compare(page, length=500)
    page.locator("#compare-count").get_by_text("4", exact=True).click()
    expect(page.locator("#panel-compare-4")).to_be_visible()
    for slot in range(1, 5):  # none may be done before it is stopped
        choose(page, f"Strategy {slot}", "Beam search")
    page.locator("#compare-start").click()
    expect(page.locator("#compare-text-1 .compare-text")).not_to_be_empty()
    page.locator("#compare-stop").click()
    expect(page.locator("#compare-status")).to_contain_text("You stopped it")
    expect(page.locator("#compare-text-1 .compare-text")).not_to_be_empty()
    tokens = page.locator("#compare-table tbody td:nth-child(3)").all_inner_texts()
    assert tokens
    assert all(int(count) < 500 for count in tokens)


def test_the_grid_fills_cell_by_cell(page: Page, stories: playground.LanguageModel) -> None:
    open_compare(page)
    set_number(page, "grid-tokens", 4)
    page.locator("#grid-start").click()
    expect(page.locator("#compare-status")).to_contain_text("16 of 16 cells")
    record = stories.generate(PROMPT, temperature=1.5, top_k=0, top_p=0.8, max_new_tokens=4)
    cell = page.locator("#compare-grid tbody tr").nth(3).locator("td").nth(1)
    assert cell.locator(".compare-text").evaluate("box => box.textContent") == record.text


def test_asking_again_counts_what_comes(page: Page, stories: playground.LanguageModel) -> None:
    open_compare(page)
    set_number(page, "again-times", 8)
    set_number(page, "again-tokens", 1)
    page.locator("#again-start").click()
    expect(page.locator("#compare-status")).to_contain_text("Asked 8 times.")
    texts = [stories.generate(PROMPT, seed=7 + at, max_new_tokens=1).text for at in range(8)]
    rows = page.locator("#compare-again tbody tr")
    expect(rows).to_have_count(len(set(texts)))
    counts = rows.locator("td:nth-child(2)").all_inner_texts()
    assert sum(map(int, counts)) == 8
    assert max(map(int, counts)) == max(map(texts.count, texts))


def test_what_cannot_vary_is_said(page: Page) -> None:
    page.locator("#strategy").get_by_text("Greedy", exact=True).click()
    open_compare(page)
    page.locator("#again-start").click()
    expect(page.locator("#compare-status .status-error")).to_contain_text("choose Sample")
    page.locator("#prompt textarea").fill("")
    page.locator("#compare-start").click()
    expect(page.locator("#compare-status .status-error")).to_contain_text("Type a few words")


def test_it_fits_the_screen(narrow_page) -> None:
    page = narrow_page
    open_tab(page, "Compare")
    page.locator("#compare-count").get_by_text("4", exact=True).click()
    expect(page.locator("#panel-compare-4")).to_be_visible()
    expect_to_fit(page)
