"""The Train tab: a gradient step, many with a stop, what they bring, and back to the untrained model."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import analyse, expect_to_fit, figure, generate, open_tab, set_number, wait_for_mark

TEXT = "Once upon a time there was a girl."
CHEESE = "The moon was made of blue cheese. " * 4


def open_training(page: Page) -> None:
    analyse(page, TEXT)
    open_tab(page, "Train")
    expect(page.locator("#train-plan")).to_contain_text("9,077,760 weights")
    set_number(page, "train-length", 16)
    set_number(page, "max-new-tokens", 6)


def wait_until_written(page: Page) -> None:
    expect(page.locator("#trained-written dd")).to_have_count(2)
    expect(page.locator("#train-reset")).to_be_enabled()


def test_one_gradient_step_on_the_text_of_the_page(page: Page) -> None:
    generate(page, "Once upon a time", length=6)
    open_tab(page, "Train")
    page.locator("#train-step").click()
    expect(page.locator("#train-progress")).to_contain_text("1 step on 1 sequence")
    expect(page.locator("#train-progress progress")).to_have_attribute("value", "1")
    assert len(figure(page, "train-curve")["y"]) == 2
    assert figure(page, "train-gradient")["y"][:3] == ["wte", "wpe", "layer 0"]
    table = page.locator("#trained-table")
    expect(table).to_contain_text("page’s text: perplexity")
    expect(table).to_contain_text("probability")
    cells = table.locator("td.number").all_inner_texts()
    assert float(cells[1]) < float(cells[0])  # the loss of what it was trained on
    assert cells[4:6] == cells[0:2]  # which is the page's text
    expect(page.locator("#trained-before .chart-plot")).to_be_visible()
    expect(page.locator("#trained-after .chart-plot")).to_be_visible()
    wait_until_written(page)
    page.locator("#tokens [data-token-index='3']").click()
    expect(table).to_contain_text("token 3,")
    wait_for_mark(page, "trained-losses", x0=2.5)
    wait_for_mark(page, "trained-after", y0=1.5)


def test_a_text_of_ones_own_is_learnt_further_and_forgotten(page: Page) -> None:
    open_training(page)
    page.locator("#prompt textarea").fill("The moon was made of")
    page.locator("#train-text textarea").fill(CHEESE)
    set_number(page, "train-rate", 0.001)
    set_number(page, "train-steps", 8)
    page.locator("#train-start").press("Enter")
    expect(page.locator("#train-progress")).to_contain_text("8 steps on")
    wait_until_written(page)
    expect(page.locator("#trained-written dd").nth(1)).to_contain_text("blue cheese")
    expect(page.locator("#trained-written dd").first).not_to_contain_text("blue cheese")
    expect(page.locator("#train-method input").first).to_be_disabled()
    page.locator("#train-step").click()
    expect(page.locator("#train-progress")).to_contain_text("9 steps on")
    wait_until_written(page)
    page.locator("#strategy").get_by_text("Greedy", exact=True).click()
    page.locator("#train-write").click()
    expect(page.locator("#trained-written")).to_contain_text("greedy")
    page.locator("#train-reset").click()
    expect(page.locator("#status")).to_contain_text("begins with an untrained one")
    expect(page.locator("#train-curve .chart-plot")).to_be_hidden()
    expect(page.locator("#trained-table")).to_be_empty()
    expect(page.locator("#train-reset")).to_be_disabled()
    expect(page.locator("#train-method input").first).to_be_enabled()


def test_it_can_be_stopped_and_keeps_what_was_trained(page: Page) -> None:
    open_training(page)
    set_number(page, "train-steps", 500)
    page.locator("#train-method").get_by_text("LoRA adapters").click()
    page.locator("#train-start").click()
    expect(page.locator("#train-progress")).to_contain_text("of 500")
    page.locator("#train-stop").click()
    expect(page.locator("#train-progress")).to_contain_text("You stopped it.")
    expect(page.locator("#status")).to_contain_text("the steps that were taken stay")
    wait_until_written(page)
    assert len(figure(page, "train-curve")["y"]) < 400


def test_another_text_is_compared_too(page: Page) -> None:
    open_training(page)
    page.locator("#train-step").click()
    wait_until_written(page)
    analyse(page, "The fox said no.")
    page.wait_for_function(
        """() => document.querySelector("#trained-after .chart-plot")?.data?.[0].x.length ===
            document.querySelectorAll("#tokens [data-token-index]").length"""
    )
    open_tab(page, "Attention")
    open_tab(page, "Train")
    expect(page.locator("#trained-table")).to_contain_text("page’s text: loss")


def test_what_cannot_be_is_said(page: Page) -> None:
    open_training(page)
    set_number(page, "train-rate", 1e9)
    page.locator("#train-start").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("learning_rate must be a number from 1e-08 to 1e+06")
    expect(page.locator("#train-start")).to_be_enabled()


def test_a_text_of_one_token_and_none_at_all(page: Page) -> None:
    open_tab(page, "Train")
    page.locator("#train-step").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("There is no text yet")
    open_training(page)
    page.locator("#train-text textarea").fill("a")
    page.locator("#train-step").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("A text of one token")


def test_it_fits_the_screen(narrow_page: Page) -> None:
    page = narrow_page
    analyse(page, TEXT)
    open_tab(page, "Train")
    page.locator("#train-step").click()
    expect(page.locator("#trained-after .chart-plot")).to_be_visible()
    expect_to_fit(page)
