"""Type, generate, stop: what a visitor sees of it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import playground
from tests.browser.conftest import chip_count, generate, joined_chips, set_number, wait_for_maps

PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def stories() -> playground.LanguageModel:
    return playground.load("stories")


def test_an_empty_page_says_what_to_do(page: Page) -> None:
    expect(page.locator(".chips-empty")).to_be_visible()
    expect(page.locator(".chips-empty")).to_contain_text("Generate")
    expect(page.locator("#heads-overview .chart-empty")).to_be_visible()
    expect(page.locator("#stop")).to_be_disabled()


@pytest.mark.parametrize(("button", "strategy"), [("Greedy", "greedy"), ("Sample", "sample"), ("Beam search", "beam")])
def test_each_strategy_writes_what_the_python_interface_writes(
    page: Page, stories: playground.LanguageModel, button: str, strategy: str
) -> None:
    expected = stories.generate(PROMPT, strategy=strategy, max_new_tokens=12)
    generate(page, PROMPT, strategy=button, length=12)
    assert joined_chips(page) == PROMPT + "".join(step.token.text for step in expected.steps)
    assert chip_count(page) == len(expected.prompt_ids) + 12


def test_only_the_controls_of_the_strategy_are_shown(page: Page) -> None:
    sampling, beam = ("#temperature", "#top-k", "#top-p", "#seed"), "#num-beams"
    for button, shown, hidden in (
        ("Greedy", (), (*sampling, beam)),
        ("Beam search", (beam,), sampling),
        ("Sample", sampling, (beam,)),
    ):
        page.locator("#strategy").get_by_text(button, exact=True).click()
        for selector in shown:
            expect(page.locator(selector)).to_be_visible()
        for selector in hidden:
            expect(page.locator(selector)).to_be_hidden()
        expect(page.locator("#max-new-tokens")).to_be_visible()


def test_enter_generates(page: Page) -> None:
    set_number(page, "max-new-tokens", 3)
    page.locator("#prompt textarea").fill("The cat")
    page.locator("#prompt textarea").press("Enter")
    expect(page.locator("#status")).to_contain_text("ended because")
    assert joined_chips(page).startswith("The cat")


def test_stop_keeps_what_is_there(page: Page) -> None:
    set_number(page, "max-new-tokens", 500)
    page.locator("#generate").click()
    expect(page.locator("#stop")).to_be_enabled()
    expect(page.locator("#tokens [data-token-index='8']")).to_be_visible()
    page.locator("#stop").click()
    expect(page.locator("#status")).to_contain_text("you stopped it")
    assert 8 < chip_count(page) < 504
    expect(page.locator("#generate")).to_be_enabled()
    expect(page.locator("#stop")).to_be_disabled()
    wait_for_maps(page)  # what is there can be looked at
    generate(page, PROMPT, length=4)  # and the next run works


def test_a_second_tab_is_not_stopped(open_page: Callable[..., Page]) -> None:
    first, second = open_page(), open_page()
    for tab in (first, second):
        set_number(tab, "max-new-tokens", 500)
    first.locator("#strategy").get_by_text("Beam search", exact=True).click()  # takes long enough to be stopped
    first.locator("#generate").click()
    expect(first.locator("#status")).to_contain_text("the best beam at this moment")
    second.locator("#generate").click()
    expect(second.locator("#tokens [data-token-index='6']")).to_be_visible()
    first.locator("#stop").dispatch_event("click")  # at once: it does not wait until the page has come to rest
    expect(first.locator("#status")).to_contain_text("you stopped it")
    expect(second.locator("#status")).to_contain_text("the length that you asked for")
    assert chip_count(second) == 4 + 500


def test_the_seed_decides_and_the_dice_changes_it(page: Page) -> None:
    generate(page, PROMPT, length=12)
    first = joined_chips(page)
    generate(page, PROMPT, length=12)
    assert joined_chips(page) == first
    before = page.locator("#seed input").input_value()
    page.locator("#dice").click()
    expect(page.locator("#seed input")).not_to_have_value(before)


def test_an_example_fills_the_prompt(page: Page) -> None:
    page.get_by_role("button", name="One day the little bear").click()
    expect(page.locator("#prompt textarea")).to_have_value("One day the little bear")


def test_a_text_is_analysed_without_generating(page: Page) -> None:
    page.locator("#prompt textarea").fill("The fox ran. The fox ran.")
    page.locator("#analyse").click()
    expect(page.locator("#status")).to_contain_text("read without generating")
    wait_for_maps(page)
    assert joined_chips(page) == "The fox ran. The fox ran."
    page.locator("#tokens [data-token-index='2']").hover()
    expect(page.locator(".playground-tip")).to_contain_text("probability")


def test_the_help_opens_and_closes(page: Page) -> None:
    page.get_by_role("button", name="Help", exact=True).click()
    dialog = page.locator("dialog.help")
    expect(dialog).to_be_visible()
    for word in ("Token", "Probability", "Attention head", "Weight"):
        expect(dialog.get_by_text(word, exact=True).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
