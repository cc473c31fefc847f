"""The funnel: the browser's filters are transformers' own, and everything answers at once."""

import json
import random

import pytest
import torch
from playwright.sync_api import Page, expect

from playground.decoding.processors import build_filters
from playground.records import GenerationSettings
from playground.ui.assets import read_asset
from playground.views.funnel import settings_of
from tests.browser.conftest import chip_count, expect_to_fit, generate, open_tab, unfold_settings, wait_for_mark

VOCABULARY = 300


def settings_at_random(chance: random.Random) -> GenerationSettings:
    return GenerationSettings(
        strategy=chance.choice(["sample", "sample", "greedy"]),
        temperature=chance.choice([0.3, 0.8, 1.0, 1.7]),
        top_k=chance.choice([0, 1, 5, 50, 1000]),
        top_p=chance.choice([0.0, 0.3, 0.9, 1.0]),
        min_p=chance.choice([0.0, 0.05, 0.3, 1.0]),
        typical_p=chance.choice([0.1, 0.6, 0.95, 1.0]),
        repetition_penalty=chance.choice([1.0, 1.3, 0.7]),
        no_repeat_ngram_size=chance.choice([0, 1, 2, 3]),
    )


def test_the_browsers_filters_are_those_of_transformers(page: Page) -> None:
    chance = random.Random(5)
    generator = torch.Generator().manual_seed(5)
    cases, expected = [], []
    for _ in range(150):
        settings = settings_at_random(chance)
        logits = 4 * torch.randn(1, VOCABULARY, generator=generator)
        seen = torch.randint(0, 12, (1, 20), generator=generator)
        scores, rows = logits, [logits]
        for one in build_filters(settings):
            scores = one.process(seen, scores)
            rows.append(scores)
        expected.append([(row[0].softmax(-1).tolist(), (row[0] > -torch.inf).tolist()) for row in rows])
        cases.append({"logits": logits[0].tolist(), "seen": seen[0].tolist(), "settings": settings_of(settings)})
    found = page.evaluate(
        """([source, cases]) => {
            const { stages } = new Function(`${source}; return funnel;`)();
            return cases.map(({ logits, seen, settings }) =>
                stages(Float32Array.from(logits), settings, { seen, rules: [] })
                    .map(({ kept, survived, probs }) => ({ kept, survived, probs: [...probs] })));
        }""",
        [read_asset("js/funnel.js"), cases],
    )
    for rows, stages, case in zip(expected, found, cases, strict=True):
        assert len(rows) == len(stages), case["settings"]
        before = rows[0][0]
        for (probs, kept), stage in zip(rows, stages, strict=True):
            survived = sum(p for p, is_kept in zip(before, kept, strict=True) if is_kept)
            assert stage["probs"] == pytest.approx(probs, abs=1e-5), json.dumps(case["settings"])
            assert stage["kept"] == sum(kept), json.dumps(case["settings"])
            assert stage["survived"] == pytest.approx(survived, abs=1e-4)
            before = probs


def write(page: Page) -> None:
    generate(page, "Once upon a time", length=12)


def stage_names(page: Page, elem_id: str) -> list[str]:
    return page.locator(f"#{elem_id} tbody th").all_text_contents()


def test_controls_show_what_they_do_before_anything_is_generated(page: Page) -> None:
    expect(page.locator("#next-token tbody tr")).to_have_count(3)
    assert stage_names(page, "next-token") == ["model", "temperature", "top-k"]
    page.locator("#top-k input[type=number]").fill("3")
    expect(page.locator("#next-token tbody tr").last).to_contain_text("3")
    page.locator("#preset-wild").click()
    expect(page.locator("#next-token tbody th").last).to_have_text("min-p")
    page.locator("#strategy").get_by_text("Greedy", exact=True).click()
    expect(page.locator("#next-token .funnel-words")).to_contain_text("The likeliest is taken")
    page.locator("#preset-reset").click()
    expect(page.locator("#next-token tbody th").last).to_have_text("top-k")
    expect(page.locator("#temperature input[type=number]")).to_have_value("0.8")


def test_contradictions_are_said_at_once_and_the_code_follows(page: Page) -> None:
    page.get_by_role("button", name="More filters").click()
    page.locator("#bad-words textarea").fill("fox")
    page.locator("#force-words textarea").fill("fox")
    expect(page.locator("#conflicts [role=alert]")).to_contain_text("both forbidden and forced")
    page.locator("#force-words textarea").fill("")
    expect(page.locator("#conflicts [role=alert]")).to_have_count(0)
    page.get_by_role("button", name="Show code").click()
    expect(page.locator("#code")).to_contain_text("model.generate(")
    expect(page.locator("#code")).to_contain_text("bad_words_ids")


def wait_until_quiet(page: Page, requests: list[str], for_ms: int = 1000) -> None:
    n_before = -1
    while n_before != len(requests):
        n_before = len(requests)
        page.wait_for_timeout(for_ms)


def test_a_step_is_filtered_anew_without_the_model(written: Page) -> None:
    requests = []
    written.on("request", lambda request: requests.append(request.url))
    open_tab(written, "Choices")
    written.locator("#tokens [data-token-index='8']").click()
    words = written.locator("#step-funnel .funnel-words")
    expect(words).to_contain_text("the mark on the line")
    wait_until_quiet(written, requests)  # what the click asks for may come late
    # Both at once: they must be of one step
    mark, chosen = written.locator("#step-funnel").evaluate(
        """funnel => ["interval-mark", "interval-chosen"].map((name) => {
            const { left, width } = funnel.querySelector(`.${name}`).style;
            return [parseFloat(left), parseFloat(width) || 0];
        })"""
    )
    assert chosen[0] <= mark[0] <= chosen[0] + chosen[1]
    before = [*requests]
    took_ms = written.locator("#step-funnel input[data-name=temperature]").evaluate(
        """slider => {
            const start = performance.now();
            slider.value = 2;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            return performance.now() - start;
        }"""
    )
    expect(words).not_to_contain_text("the mark on the line")
    assert took_ms < 100
    wait_until_quiet(written, requests)
    assert requests == before
    written.get_by_role("button", name="As in the run").click()
    expect(words).to_contain_text("the mark on the line")


def test_the_strip_and_the_uncertain_steps_select_everywhere(written: Page) -> None:
    open_tab(written, "Choices")
    expect(written.locator("#whole")).to_contain_text("perplexity")
    button = written.locator("#uncertain button").first
    place = int((button.get_attribute("aria-label") or "").removeprefix("Select token ").partition(",")[0])
    assert place < chip_count(written) - 1  # not the one that is selected already
    button.click()
    expect(written.locator("#tokens .chip-selected")).to_have_attribute("data-token-index", str(place))
    wait_for_mark(written, "strip", x0=place - 4 - 0.5)
    written.locator("#strip .chart-plot").evaluate("plot => plot.emit('plotly_click', {points: [{pointIndex: 3}]})")
    expect(written.locator("#tokens .chip-selected")).to_have_attribute("data-token-index", "7")


def test_a_persons_text_is_read_beside_it(page: Page) -> None:
    open_tab(page, "Choices")
    page.locator("#person textarea").fill("It was a dark and <b>stormy</b> night.")
    page.locator("#read").click()
    expect(page.locator("#person-sentence")).to_contain_text("The pasted text: perplexity")
    expect(page.locator("#person-strip .chart-plot")).to_be_visible()


def test_several_texts_are_listed(page: Page) -> None:
    page.get_by_role("button", name="More filters").click()
    page.locator("#num-return-sequences input[type=number]").fill("3")
    generate(page, "Once upon a time", length=6)
    open_tab(page, "Choices")
    expect(page.locator("#texts li")).to_have_count(3)


def test_it_fits_the_screen(narrow_page: Page) -> None:
    page = narrow_page
    unfold_settings(page)
    generate(page, "Once upon a time", length=12)
    open_tab(page, "Choices")
    expect(page.locator("#step-funnel tbody tr").first).to_be_visible()
    expect_to_fit(page)
