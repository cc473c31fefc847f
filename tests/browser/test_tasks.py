"""The Tasks tab: a task sets prompt and controls, labels are compared, a text is scored."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_tab


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    page = open_page()
    open_tab(page, "Tasks")
    expect(page.locator("#task-take")).to_be_enabled()
    return page


def take(page: Page, task: str, text: str) -> None:
    page.locator("#task").get_by_text(task, exact=True).click()
    page.locator("#task-text textarea").fill(text)


def test_a_task_sets_prompt_and_controls(page: Page) -> None:
    take(page, "Answer from a passage", "Anna has a red hat.")
    page.locator("#task-question textarea").fill("What has Anna?")
    page.locator("#task-take").click()
    expect(page.locator("#status")).to_contain_text("is set up")
    expect(page.locator("#prompt textarea")).to_have_value("Anna has a red hat.\n\nQuestion: What has Anna?\nAnswer:")
    expect(page.locator("#strategy input[value='greedy']")).to_be_checked()
    expect(page.locator("#max-new-tokens input[type=number]")).to_have_value("32")


def test_what_the_model_cannot_do_is_said(page: Page) -> None:
    page.locator("#task").get_by_text("Fill in", exact=True).click()
    expect(page.locator("#task-note")).to_contain_text("Choose an encoder")
    expect(page.locator("#task-take")).to_be_disabled()
    page.locator("#task").get_by_text("Chat", exact=True).click()
    expect(page.locator("#task-note")).to_contain_text("no chat template")


def test_labels_are_compared(page: Page) -> None:
    take(page, "Sentiment", "The little girl laughed and danced for joy.")
    expect(page.locator("#task-labels")).to_be_visible()
    page.locator("#task-labels textarea").fill("happy, sad, <b>angry</b>")
    page.locator("#task-take").click()
    expect(page.locator("#label-sentence")).to_contain_text("Likeliest:")
    expect(page.locator("#label-chart .bars path")).to_have_count(3)
    expect(page.locator("#label-sentence")).to_contain_text("<b>angry</b>")


def test_a_translation_is_scored(page: Page) -> None:
    page.locator("#score").click()
    expect(page.locator("#status .status-error")).to_contain_text("written nothing yet")
    page.locator("#model input").click()
    page.get_by_role("option").filter(has_text="translator").click()
    expect(page.locator("#room")).to_contain_text("of 128 tokens")
    take(page, "Translate", "The little cat is black.")
    page.locator("#task-take").click()
    expect(page.locator("#prompt textarea")).to_have_value("The little cat is black.")
    expect(page.locator("#strategy input[value='beam']")).to_be_checked()
    page.locator("#generate").click()
    expect(page.locator("#status")).to_contain_text("ended because")
    page.locator("#reference textarea").fill("Le petit chat est noir.")
    page.locator("#score").click()
    expect(page.locator("#reference-scores tbody tr")).to_have_count(5)
    expect(page.locator("#reference-scores tbody tr").first).to_contain_text("BLEU")


def test_it_fits_a_narrow_dark_page(narrow_page: Page) -> None:
    page = narrow_page
    page.locator("#prompt textarea").fill("Once upon a time")
    page.locator("#generate").click()
    expect(page.locator("#status")).to_contain_text("ended because")
    open_tab(page, "Tasks")
    page.locator("#reference textarea").fill("there was a little girl")
    page.locator("#score").click()
    expect(page.locator("#reference-scores tbody tr")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
