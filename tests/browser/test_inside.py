"""The Inside tab: the losses of the text, and what each layer knows of the next token."""

import numpy as np
from playwright.sync_api import Page, expect

import playground
from tests.browser.conftest import analyse, expect_to_fit, figure, generate, open_tab, unfold_settings, wait_for_mark


def write(page: Page) -> None:
    generate(page, "Once upon a time there was", length=8)


def test_the_losses_are_shown_and_select(page: Page) -> None:
    text = "Once upon a time there was a little girl."
    analyse(page, text)
    open_tab(page, "Inside")
    expect(page.locator("#loss-strip .chart-plot")).to_be_visible()
    loss = playground.load("stories").token_loss(text)
    expect(page.locator("#loss-sentence")).to_contain_text(f"{loss.mean_nats:.3f}")
    page.locator("#loss-strip .chart-plot").evaluate("plot => plot.emit('plotly_click', {points: [{pointIndex: 3}]})")
    expect(page.locator("#tokens .chip-selected")).to_have_attribute("data-token-index", "3")
    wait_for_mark(page, "loss-strip", x0=2.5)
    expect(page.locator("#loss-formula")).to_contain_text(f"{loss.losses_nats[3]:.4f}")
    page.get_by_role("button", name="loss", exact=True).click()
    expect(page.locator("#tokens .legend-high")).to_have_text("10 nats or more")


def test_two_texts_against_each_other(page: Page) -> None:
    generate(page, "Once upon a time there was", length=8)
    open_tab(page, "Inside")
    page.locator("#loss-compare").click()
    expect(page.locator("#status [role=alert]")).to_contain_text("other text is empty")
    page.locator("#loss-other textarea").fill("Once upon a <b>time</b> there was a fish.")
    page.locator("#loss-compare").click()
    expect(page.locator("#loss-table tbody tr")).to_have_count(6)
    expect(page.locator("#loss-other-strip .chart-plot")).to_be_visible()


def test_the_lens_follows_the_selected_token(written: Page) -> None:
    open_tab(written, "Inside")
    expect(written.locator("#lens .chart-plot")).to_be_visible()
    written.locator("#tokens [data-token-index='5']").click()
    wait_for_mark(written, "lens", x0=3.5)
    expect(written.locator("#lens-sentence")).to_contain_text("(token 4)")
    rows = len(figure(written, "lens")["y"])
    assert rows == 11
    expect(written.locator("#lens-table tr")).to_have_count(rows + 1)
    written.locator("#lens .chart-plot").evaluate("plot => plot.emit('plotly_click', {points: [{pointIndex: [2, 6]}]})")
    expect(written.locator("#tokens .chip-selected")).to_have_attribute("data-token-index", "7")
    written.get_by_label("also behind each attention").check()
    expect(written.locator("#lens-table tr")).to_have_count(rows + 11)
    written.get_by_label("also behind each attention").uncheck()


def test_the_lens_is_read_through_the_tuned_lens(written: Page) -> None:
    open_tab(written, "Inside")
    written.locator("#tokens [data-token-index='5']").click()
    wait_for_mark(written, "lens", x0=3.5)
    lm = playground.load("stories")
    stream = lm.residuals(lm.generate("Once upon a time there was", max_new_tokens=8))
    lens = lm.logit_lens(stream, 4, tuned=lm.tuned_lens())
    written.get_by_label("also behind each attention").check()
    written.get_by_label("through the tuned lens").check()
    expect(written.locator("#lens-sentence")).to_contain_text("Each layer is read through a map of its own")
    expect(written.get_by_label("also behind each attention")).to_be_disabled()  # there is no map for it
    shown = written.locator("#lens .chart-plot").evaluate(
        "plot => Array.from(plot._fullData[0].z, row => Array.from(row))"
    )
    np.testing.assert_allclose(shown, lens.probabilities[..., 0], atol=2e-5)
    written.get_by_label("through the tuned lens").uncheck()
    expect(written.locator("#lens-sentence")).not_to_contain_text("map of its own")
    written.get_by_label("also behind each attention").uncheck()


def test_nothing_is_computed_before_the_tab_is_opened(page: Page) -> None:
    generate(page, "Once upon a time there was", length=8)
    expect(page.locator("#loss-sentence", has_text="perplexity")).to_have_count(0)
    open_tab(page, "Inside")
    expect(page.locator("#loss-sentence")).to_contain_text("perplexity")


def test_it_fits_the_screen(narrow_page: Page) -> None:
    page = narrow_page
    unfold_settings(page)
    generate(page, "Once upon a time there was", length=8)
    open_tab(page, "Inside")
    expect(page.locator("#lens .chart-plot")).to_be_visible()
    expect_to_fit(page)


def test_embeddings_follow_the_selected_token_and_the_words(written: Page) -> None:
    open_tab(written, "Inside")
    written.locator("#tokens [data-token-index='3']").click()
    lm = playground.load("stories")
    nearest = lm.nearest_tokens(lm.tokenize("Once upon a time")[3].id)
    expect(written.locator("#neighbours tbody tr")).to_have_count(10)
    expect(written.locator("#neighbours tbody tr").first).to_contain_text(f"{nearest[0].cosine:.3f}")
    expect(written.locator("#paths .chart-plot .scatter")).to_have_count(4)
    words = written.locator("#path-words input, #path-words textarea")
    words.fill("time, Once")
    words.press("Enter")
    expect(written.locator("#paths .chart-plot .scatter")).to_have_count(2)
    words.fill("<b>elephant</b>")
    words.press("Enter")
    expect(written.locator("#paths")).to_contain_text("No token of this text is “<b>elephant</b>”")
