"""The Fill in tab: words are masked on a click, candidates put in, and the text follows."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

import playground
from playground.language_model import LanguageModel
from tests.browser.conftest import analyse, joined_chips, open_tab, watched_pages
from tests.models.checkpoints import TOKENIZERS, build_model
from tests.server import running_app

TEXT = "The fox said to the girl, I'm going home."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tiny encoder."""
    made = tmp_path_factory.mktemp("bert")
    build_model("bert").save_pretrained(made)
    TOKENIZERS["bert"]().save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def lm(folder: Path) -> LanguageModel:
    return playground.load(str(folder))


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    with running_app("--model", str(folder), "--model", "stories") as url:
        yield url


@pytest.fixture
def open_fill_in(served: str, context: BrowserContext) -> Iterator[Callable[..., Page]]:
    with watched_pages(context) as opened:

        def open_fill_in(**looks: object) -> Page:
            page = opened(served, "of 64 tokens", **looks)
            analyse(page, TEXT)
            open_tab(page, "Fill in")
            expect(word(page, "fox")).to_be_visible()
            return page

        yield open_fill_in


def word(page: Page, text: str) -> Locator:
    return page.locator("#fill-in .fill-word").filter(has_text=text)


def masks(page: Page) -> Locator:
    return page.locator("#fill-in .fill-mask")


def test_a_word_is_masked_and_brought_back(open_fill_in: Callable[..., Page], lm: LanguageModel) -> None:
    page = open_fill_in()
    expect(page.locator("#fill-all")).to_be_disabled()
    expect(page.locator("#fill-undo")).to_be_disabled()
    word(page, "fox").click()
    expect(masks(page)).to_have_count(1)
    read = lm.read(TEXT)
    place = next(at for at, token in enumerate(read.tokens) if token.text.strip() == "fox")
    (expected,) = lm.fill_in(lm.mask(read.ids, [place]).ids, read).masks
    shown = masks(page).locator(".fill-candidate b").all_text_contents()
    assert [label.strip("·") for label in shown] == [one.label.strip() for one in expected.candidates[:8]]
    expect(masks(page).locator("p")).to_contain_text(f"stood here: rank {expected.rank}")
    chip = page.locator("#tokens [aria-selected='true']")
    expect(chip).to_have_attribute("aria-label", re.compile(r"^“\[MASK\]”"))
    expect(chip).to_have_attribute("data-token-index", str(place))
    word(page, "fox").click()
    expect(masks(page)).to_have_count(0)
    expect(page.locator("#fill-in .fill-word").first).to_be_visible()
    assert joined_chips(page) == TEXT


def test_candidates_are_put_in_and_taken_back(open_fill_in: Callable[..., Page]) -> None:
    page = open_fill_in()
    word(page, "fox").click()
    expect(masks(page)).to_have_count(1)
    word(page, "girl").click()
    expect(masks(page)).to_have_count(2)
    masks(page).first.locator(".fill-candidate").nth(2).click()
    expect(masks(page)).to_have_count(1)
    expect(page.locator("#fill-in .fill-filled")).to_have_count(1)
    page.locator("#fill-all").click()
    expect(masks(page)).to_have_count(0)
    expect(page.locator("#fill-in .fill-filled")).to_have_count(2)
    expect(page.locator("#status")).to_contain_text("the surest first")
    page.locator("#fill-undo").click()
    expect(masks(page)).to_have_count(1)
    page.locator("#fill-restore").click()
    expect(page.locator("#fill-in :is(.fill-filled, .fill-masked)")).to_have_count(0)
    expect(page.locator("#fill-restore")).to_be_disabled()
    assert joined_chips(page) == TEXT


def test_by_keyboard_on_a_narrow_dark_page(open_fill_in: Callable[..., Page]) -> None:
    page = open_fill_in(viewport={"width": 360, "height": 800}, color_scheme="dark")
    word(page, "fox").focus()
    page.keyboard.press("Enter")
    expect(masks(page)).to_have_count(1)
    expect(word(page, "fox")).to_be_focused()
    expect(word(page, "fox")).to_have_attribute("aria-pressed", "true")
    masks(page).locator(".fill-candidate").first.focus()
    page.keyboard.press("Space")
    expect(masks(page)).to_have_count(0)
    expect(page.locator("#fill-in .fill-filled")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_mask_that_was_typed(open_fill_in: Callable[..., Page]) -> None:
    page = open_fill_in()
    analyse(page, "The [MASK] said to the girl.")
    expect(masks(page)).to_have_count(1)
    expect(masks(page)).not_to_contain_text("stood here")


def test_a_model_that_writes_says_that_it_fills_none(open_fill_in: Callable[..., Page]) -> None:
    page = open_fill_in()
    page.locator("#model input").click()
    page.get_by_role("option").filter(has_text="stories").click()
    expect(page.locator("#room")).to_contain_text("of 512 tokens")
    analyse(page, "Once upon a time")
    expect(page.locator("#fill-in")).to_contain_text("fills no masks")
    expect(page.locator("#fill-all")).to_be_disabled()


def test_tabs_of_what_a_model_cannot_do_say_why(open_fill_in: Callable[..., Page]) -> None:
    page = open_fill_in()
    tabs = page.locator("#instruments > .tab-wrapper")
    beams = tabs.get_by_role("tab", name="Beams", exact=True).first
    beams.hover()
    expect(page.locator(".playground-tip")).to_contain_text("is an encoder: it predicts no token")
    page.locator("#prompt textarea").hover()
    expect(page.locator(".playground-tip")).to_be_hidden()
    beams.focus()
    expect(page.locator(".playground-tip")).to_be_visible()
    assert "is an encoder" in (beams.get_attribute("aria-description") or "")
    expect(tabs.get_by_role("tab", name="Fill in", exact=True).first).not_to_have_attribute(
        "data-absent", re.compile(".")
    )
    page.set_viewport_size({"width": 700, "height": 800})  # gradio puts those without room into a menu
    expect(beams).to_be_visible()
    expect(beams).to_have_attribute("data-absent", re.compile("is an encoder"))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("#model input").click()
    page.get_by_role("option").filter(has_text="stories").click()
    expect(tabs.get_by_role("tab", name="Fill in", exact=True).first).to_have_attribute(
        "data-absent", re.compile("fills no masks")
    )
    expect(beams).not_to_have_attribute("data-absent", re.compile("."))
