"""What a visitor can do wrong: a clear message, nothing lost, and the next request works."""

import itertools

from playwright.sync_api import Page, expect

from tests.browser.conftest import chip_count, generate, joined_chips, set_number, wait_for_maps

FILL = "(box, text) => { box.value = text; box.dispatchEvent(new Event('input', {bubbles: true})); }"


BAD_PROMPTS = [("", "Type a few words"), (" \n ", "Type a few words"), ("x" * 100_001, "100,000")]


def test_a_bad_prompt_is_answered_and_nothing_is_lost(page: Page) -> None:
    generate(page, "Once upon a time", length=4)
    cases = itertools.product(("#generate", "#analyse"), BAD_PROMPTS)
    for n_before, (button, (prompt, message)) in enumerate(cases):
        text = joined_chips(page)
        page.locator("#prompt textarea").evaluate(FILL, prompt)
        page.locator(button).click()
        expect(page.locator("#status .status-error")).to_contain_text(message)
        assert joined_chips(page) == text
        expect(page.locator("#generate")).to_be_enabled()
        generate(page, "Once upon a time", length=5 + n_before)
        assert chip_count(page) == 4 + 5 + n_before


def test_a_text_beyond_the_context_is_refused_for_writing_and_cut_for_reading(page: Page) -> None:
    prompt = "a long way " * 600
    page.locator("#prompt textarea").fill(prompt)
    page.locator("#generate").click()
    expect(page.locator("#status .status-error")).to_contain_text("the model reads 512")
    assert chip_count(page) == 0
    page.locator("#analyse").click()
    expect(page.locator("#status")).to_contain_text("The model reads 512: the last 1289 were left out.")
    wait_for_maps(page)
    assert chip_count(page) == 512
    assert prompt.startswith(joined_chips(page))


def test_the_page_says_before_it_cuts(page: Page) -> None:
    prompt = "a long way " * 170
    page.locator("#prompt textarea").fill(prompt)
    set_number(page, "max-new-tokens", 500)
    expect(page.locator("#room")).to_contain_text("it will stop after")
    page.locator("#generate").click()
    expect(page.locator("#status")).to_contain_text("the model's context is full")
    assert chip_count(page) == 512
    assert joined_chips(page).startswith(prompt)


def test_a_control_out_of_range_is_answered(page: Page) -> None:
    page.locator("#seed input").fill("")
    page.locator("#generate").click()
    expect(page.locator("#status")).to_contain_text("seed")
    generate_again(page)


def generate_again(page: Page) -> None:
    page.locator("#seed input").fill("7")
    generate(page, "Once upon a time", length=3)
