"""The text as chips: exact, coloured, reachable with mouse and keyboard, joined with the step and the maps."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import playground
from tests.browser.conftest import (
    figure,
    generate,
    joined_chips,
    open_tab,
    wait_for_chips,
    wait_for_maps,
    wait_for_mark,
)

TEXTS = (
    "The fox 🦊 said 你好.",
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>",
    "two  spaces\ttab\nline\n\nparagraph ",
    "שלום עולם a\u0301e\u0301",
    "a\x00b & &lt; ${1+1} {{value}}",
)


def write(page: Page) -> None:
    generate(page, "Once upon a time", length=8)


def test_chips_joined_give_the_text_back(page: Page) -> None:
    for text in TEXTS:
        # A control character cannot be typed; a page or a paste may still bring it, so it is set as a script would.
        page.locator("#prompt textarea").evaluate(
            "(box, text) => { box.value = text; box.dispatchEvent(new Event('input', {bubbles: true})); }", text
        )
        page.locator("#analyse").click()
        wait_for_chips(page, text)
        expect(page.locator("#status")).to_contain_text("read without generating")
        wait_for_maps(page)
        assert joined_chips(page) == text
    assert page.evaluate("window.hacked") is None


def test_part_of_a_character_shows_its_bytes(page: Page) -> None:
    page.locator("#prompt textarea").fill("你")
    page.locator("#analyse").click()
    expect(page.locator("#tokens .chip-partial").first).to_be_visible()
    signs = page.locator("#tokens .chip-sign").evaluate_all("signs => signs.map(sign => sign.dataset.sign)")
    shown = re.findall("[0-9A-F]{2}", "".join(signs))
    assert bytes.fromhex("".join(shown)).decode() == "你"


def test_hover_tells_token_id_probability_and_rank(written: Page) -> None:
    run = playground.load("stories").generate("Once upon a time", max_new_tokens=6)
    step = run.steps[2]
    written.locator(f"#tokens [data-token-index='{len(run.prompt_ids) + 2}']").hover()
    tip = written.locator(".playground-tip")
    expect(tip).to_contain_text(f"id {step.chosen.id}")
    expect(tip).to_contain_text(f"rank {step.rank}")
    expect(tip).to_contain_text("probability")
    expect(tip).to_contain_text("written by the model")


def test_a_click_selects_the_step_and_draws_its_candidates(written: Page) -> None:
    run = playground.load("stories").generate("Once upon a time", max_new_tokens=6)
    chip = written.locator(f"#tokens [data-token-index='{len(run.prompt_ids) + 1}']")
    chip.click()
    expect(chip).to_have_class(re.compile("chip-selected"))
    open_tab(written, "Choices")
    expect(written.locator("#step .main-svg").first).to_be_visible()
    expect(written.locator("#panel-choices")).to_contain_text("Step 2")
    bars = written.locator("#step .chart-plot").evaluate("plot => plot.data.map(trace => [...trace.x])")
    shown = run.steps[1].candidates[: len(bars[0])]
    assert bars[0] == pytest.approx([100 * candidate.raw_probability for candidate in shown], rel=1e-3, abs=1e-4)
    assert bars[1] == pytest.approx([100 * candidate.probability for candidate in shown], rel=1e-3, abs=1e-4)


def test_a_selected_token_marks_the_row_it_was_chosen_from(written: Page) -> None:
    written.locator("#tokens [data-token-index='6']").click()
    wait_for_mark(written, "head-map", y0=4.5, y1=5.5)  # token 6 was chosen while the model stood at token 5
    expect(written.locator("#panel-head")).to_contain_text("(token 6) it stood at")
    expect(written.locator("#panel-head")).to_contain_text("(token 5)")
    rows = figure(written, "head-rows")
    lm = playground.load("stories")
    assert len(rows["y"]) == lm.spec.n_layers * lm.spec.n_query_heads
    written.locator("#tokens [data-token-index='3']").click()
    wait_for_mark(written, "head-map", y0=1.5, y1=2.5)


def test_the_keyboard_moves_and_selects(written: Page) -> None:
    written.locator("#tokens [data-token-index='2']").click()
    wait_for_mark(written, "head-map", y0=0.5)
    written.keyboard.press("ArrowRight")
    written.keyboard.press("ArrowRight")
    expect(written.locator("#tokens [data-token-index='4']")).to_be_focused()
    expect(written.locator(".playground-tip")).to_be_visible()
    written.keyboard.press("Enter")
    wait_for_mark(written, "head-map", y0=2.5)
    written.keyboard.press("Home")
    expect(written.locator("#tokens [data-token-index='0']")).to_be_focused()


def test_tab_reaches_prompt_buttons_and_text(written: Page) -> None:
    written.locator("#prompt textarea").focus()
    reached = set()
    for _ in range(40):
        written.keyboard.press("Tab")
        reached.add(
            written.evaluate(
                "document.activeElement.closest('[data-token-index]') ? 'chip' : document.activeElement.id"
            )
        )
    assert {"generate", "analyse", "dice", "chip"} <= reached


def test_colours_follow_the_probability(open_page: Callable[..., Page]) -> None:
    for theme in ("light", "dark"):
        page = open_page(theme=theme)
        generate(page, "Once upon a time", length=30)
        colours = page.locator("#tokens .chip").evaluate_all(
            "chips => chips.slice(1).map(chip => [chip.getAttribute('aria-label'), chip.style.backgroundColor])"
        )
        found = [
            (float(match[1]), tuple(map(int, re.findall(r"\d+", colour))))
            for label, colour in colours
            if (match := re.search(r"probability ([\d.e-]+) %", label))
        ]
        low, high = min(found), max(found)
        assert low[0] < 10 < high[0]
        assert low[1][0] > low[1][2], "unlikely is orange: more red than blue"
        assert high[0] < 50 or high[1][2] > high[1][0], "likely is blue"


def test_of_two_quick_clicks_the_second_counts(written: Page) -> None:
    # Both in one turn of the browser, so that the first is surely not answered yet
    written.evaluate("[4, 9].forEach(at => document.querySelector(`#tokens [data-token-index='${at}']`).click())")
    wait_for_mark(written, "head-map", y0=7.5)
    expect(written.locator("#tokens [aria-selected=true]")).to_have_attribute("data-token-index", "9")


def test_of_two_tabs_opened_at_once_the_second_is_filled_and_follows(written: Page) -> None:
    written.evaluate(
        """() => ["Inside", "Attribution"].forEach((name) =>
            [...document.querySelectorAll("#instruments > .tab-wrapper button[role=tab]")]
                .find((tab) => tab.textContent.trim() === name).click())"""
    )
    expect(written.locator("#attribution-sentence")).to_contain_text("(token 11) has")
    written.locator("#tokens [data-token-index='7']").click()
    expect(written.locator("#attribution-sentence")).to_contain_text("(token 7) has")


def test_of_two_presses_of_back_none_is_lost(page: Page) -> None:
    for length in (2, 3, 4):
        generate(page, "Once upon a time", length=length)
    expect(page.locator("#history-sentence")).to_contain_text("Run 3 of 3")
    page.evaluate("[1, 2].forEach(() => document.querySelector('#undo').click())")
    expect(page.locator("#history-sentence")).to_contain_text("Run 1 of 3")
