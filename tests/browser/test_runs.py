"""Going on from any token: forks, single tokens, by hand, guesses; back and forth among the runs."""

import re

import pytest
from playwright.sync_api import Page, expect

import playground
from playground.views.labels import visible
from tests.browser.conftest import choose, generate, joined_chips, open_tab, wait_for_maps

PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def stories() -> playground.LanguageModel:
    return playground.load("stories")


def wait_for_text(page: Page, text: str) -> None:
    page.wait_for_function(
        "text => [...document.querySelectorAll('#tokens .chips > *')].map(chip => chip.textContent).join('') === text",
        arg=text,
    )


def test_a_fork_goes_on_from_another_candidate_and_back_again(page: Page, stories: playground.LanguageModel) -> None:
    generate(page, PROMPT, length=8)
    first = stories.generate(PROMPT, max_new_tokens=8)
    n_prompt = len(first.prompt_ids)
    open_tab(page, "Choices")
    page.locator(f"#tokens [data-token-index='{n_prompt + 2}']").click()
    candidates = page.locator("#step-candidates .candidate")
    label = visible(first.steps[2].chosen.label)
    expect(page.locator("#step-candidates [aria-current] b")).to_have_text(label)
    other = next(c for c in first.steps[2].candidates if c.id != first.steps[2].chosen.id)
    place = [c.id for c in first.steps[2].candidates].index(other.id)
    begun = (*first.steps[:2], first.steps[2].choosing(other.id))
    second = stories.generate(PROMPT, begun=begun, max_new_tokens=len(begun) + 8)
    candidates.nth(place).click()
    wait_for_text(page, PROMPT + second.text)
    expect(page.locator("#history-sentence")).to_contain_text("Run 2 of 2: token 3")
    expect(page.locator(".chip-by-hand")).to_have_count(1)
    wait_for_maps(page)
    page.locator("#undo").click()
    wait_for_text(page, PROMPT + first.text)
    expect(page.locator(f"#tokens [data-token-index='{n_prompt + 2}']")).to_have_class(re.compile("chip-selected"))
    page.locator("#redo").click()
    wait_for_text(page, PROMPT + second.text)
    expect(page.locator("#redo")).to_be_disabled()
    page.get_by_role("button", name="All runs").click()
    runs = page.locator("#runs .run")
    expect(runs).to_have_count(2)
    runs.nth(1).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    wait_for_text(page, PROMPT + first.text)
    expect(runs.nth(0)).to_have_attribute("aria-selected", "true")


def test_a_bar_of_the_chart_forks_too(page: Page, stories: playground.LanguageModel) -> None:
    generate(page, PROMPT, length=3)
    first = stories.generate(PROMPT, max_new_tokens=3)
    open_tab(page, "Choices")
    page.locator(f"#tokens [data-token-index='{len(first.prompt_ids)}']").click()
    # Not the chart of the step that was selected before
    page.wait_for_function("() => document.querySelector('#step .chart-plot')?.layout?.meta?.step === 0")
    place = 0 if first.steps[0].chosen.id != first.steps[0].candidates[0].id else 1
    bar = page.locator("#step .barlayer .trace").nth(1).locator(".point").nth(place)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + min(3, box["width"] / 2), box["y"] + box["height"] / 2)
    begun = (first.steps[0].choosing(first.steps[0].candidates[place].id),)
    wait_for_text(page, PROMPT + stories.generate(PROMPT, begun=begun, max_new_tokens=4).text)


def test_one_token_after_the_other_is_what_generate_writes(page: Page, stories: playground.LanguageModel) -> None:
    text = stories.generate(PROMPT, max_new_tokens=3).steps
    page.locator("#prompt textarea").fill(PROMPT)
    for count in (1, 2, 3):
        page.locator("#one-token").click()
        wait_for_text(page, PROMPT + "".join(step.token.text for step in text[:count]))  # and the next may be asked for
    expect(page.locator("#history-sentence")).to_contain_text("Run 1 of 1")
    page.locator("#undo").click()
    wait_for_text(page, PROMPT + "".join(step.token.text for step in text[:2]))
    expect(page.locator("#history-sentence")).to_contain_text("up to its token 2")
    page.locator("#write-on").click()
    expect(page.locator("#status")).to_contain_text("ended because")
    written = PROMPT + "".join(step.token.text for step in text)
    page.wait_for_function(
        "text => [...document.querySelectorAll('#tokens .chips > *')].map(chip => chip.textContent).join('')"
        ".startsWith(text)",
        arg=written,
    )


def test_each_press_of_next_token_is_one_token(page: Page, stories: playground.LanguageModel) -> None:
    """Presses that came before the one before was done were lost once."""
    text = stories.generate(PROMPT, max_new_tokens=8).text
    page.locator("#prompt textarea").fill(PROMPT)
    page.evaluate("() => { for (let n = 0; n < 5; n += 1) document.querySelector('#one-token').click(); }")
    expect(page.locator("#status")).to_contain_text("5 tokens so far", timeout=60_000)
    open_tab(page, "Step by step")
    for _ in range(3):
        page.locator("#model-chooses").click()
    expect(page.locator("#status")).to_contain_text("8 tokens so far", timeout=60_000)
    wait_for_text(page, PROMPT + text)
    expect(page.locator("#history-sentence")).to_contain_text("Run 1 of 1")


def test_a_token_is_chosen_by_hand(page: Page, stories: playground.LanguageModel) -> None:
    page.locator("#prompt textarea").fill(PROMPT)
    open_tab(page, "Step by step")
    step = stories.generate(PROMPT, max_new_tokens=1).steps[0]
    candidates = page.locator("#next-candidates .candidate")
    expect(candidates).to_have_count(12)
    expect(candidates.first).to_contain_text(step.candidates[0].label.replace(" ", "·"))
    candidates.nth(4).click()
    wait_for_text(page, PROMPT + step.candidates[4].text)
    expect(page.locator("#steps-sentence")).to_contain_text("Token 2 is next")
    expect(page.locator(".chip-by-hand")).to_have_count(1)


def test_a_guess_is_judged_before_the_token_is_shown(page: Page, stories: playground.LanguageModel) -> None:
    page.locator("#prompt textarea").fill("Once upon a")
    page.locator("#strategy").get_by_text("Greedy", exact=True).click()
    open_tab(page, "Step by step")
    expect(page.locator("#next-candidates .candidate").first).to_be_visible()
    page.get_by_label("Hide what the model expects, and guess").check()
    expect(page.locator("#next-candidates .candidate")).to_have_count(0)
    expect(page.locator("#next-candidates")).to_contain_text("Hidden until you have guessed")
    box = page.get_by_label("The next word, or its beginning")
    box.fill("time")
    page.locator("#judge").dblclick()  # one guess all the same
    wait_for_text(page, "Once upon a time")
    expect(page.locator("#guess-result")).to_contain_text("Right: “·time” came. You were 50% sure of it: 1.0 bits")
    box.fill("zebra")
    box.press("Enter")
    expect(page.locator("#guess-result")).to_contain_text("not “zebra”")
    expect(page.locator("#guess-table tbody tr")).to_have_count(2)
    expect(page.locator("#guess-table")).to_contain_text("1 of 2 right")
    page.locator("#judge").click()
    expect(page.locator("#status")).to_contain_text("Type the word that you think comes next")
    page.locator("#guess-again").click()
    expect(page.locator("#guess-table tbody tr")).to_have_count(0)


def test_beam_search_has_no_single_tokens_and_says_so(page: Page) -> None:
    page.locator("#strategy").get_by_text("Beam search", exact=True).click()
    page.locator("#one-token").click()
    expect(page.locator("#status")).to_contain_text("choose Greedy or Sample")


def test_a_run_of_another_prompt_is_gone_back_to(page: Page) -> None:
    generate(page, PROMPT, length=3)
    first = joined_chips(page)
    generate(page, "One day the little bear", length=3)
    page.locator("#undo").click()
    wait_for_text(page, first)
    expect(page.locator("#prompt textarea")).to_have_value(PROMPT)
    choose(page, "Layer", "1")
    wait_for_text(page, first)


def test_a_search_from_a_fork_has_its_own_tree_and_greedy_beside_it(
    page: Page, stories: playground.LanguageModel
) -> None:
    generate(page, PROMPT, length=4)
    first = stories.generate(PROMPT, max_new_tokens=4)
    page.locator("#strategy").get_by_text("Beam search", exact=True).click()
    open_tab(page, "Choices")
    page.locator(f"#tokens [data-token-index='{len(first.prompt_ids)}']").click()
    expect(page.locator("#step-candidates [aria-current] b")).to_have_text(visible(first.steps[0].chosen.label))
    other = next(at for at, c in enumerate(first.steps[0].candidates) if c.id != first.steps[0].chosen.id)
    page.locator("#step-candidates .candidate").nth(other).click()
    begun = (first.steps[0].choosing(first.steps[0].candidates[other].id),)
    second = stories.generate(PROMPT, begun=begun, strategy="beam", max_new_tokens=5)
    wait_for_text(page, PROMPT + second.text)
    open_tab(page, "Beams")
    expect(page.locator("#beam-greedy")).to_contain_text("log-probability")
    expect(page.locator("#beam-greedy")).not_to_contain_text("Decoding greedily")
    expect(page.locator("#beam-summary")).to_contain_text("Four beams")
    page.locator("#undo").click()
    wait_for_text(page, PROMPT + first.text)
    expect(page.locator("#beam-summary")).to_contain_text("not made by beam search")
