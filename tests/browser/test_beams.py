"""The Beams tab: the tree of the run, why each hypothesis died, the ranking by length, greedy beside it."""

import pytest
from playwright.sync_api import Page, expect

import playground
from playground.records import describe_fate
from tests.browser.conftest import expect_to_fit, generate, joined_chips, open_tab, unfold_settings

PROMPT = "Once upon a time"
LENGTH = 14


@pytest.fixture(scope="module")
def run() -> playground.records.GenerationRecord:
    return playground.load("stories").generate(PROMPT, strategy="beam", max_new_tokens=LENGTH)


def search(page: Page) -> None:
    generate(page, PROMPT, strategy="Beam search", length=LENGTH)
    open_tab(page, "Beams")
    expect(page.locator("#beam-tree [data-node='0']")).to_be_visible()


write = search


def test_an_empty_tab_says_what_to_do(page: Page) -> None:
    open_tab(page, "Beams")
    expect(page.locator("#beam-tree .chart-empty")).to_contain_text("Choose Beam search")
    generate(page, PROMPT, strategy="Greedy", length=3)
    expect(page.locator("#beam-summary")).to_contain_text("not made by beam search")
    expect(page.locator("#beam-tree .chart-empty")).to_be_visible()


def test_the_tree_is_the_run_and_a_branch_says_why_it_died(written: Page, run) -> None:
    open_tab(written, "Beams")
    tree = run.beam_tree
    for node in tree.steps[2]:
        shown = written.locator(f"#beam-tree [data-node='{node.id}']")
        expect(shown.locator(".beam-numbers")).to_have_text(
            f"{node.score:.2f} · {tree.penalised(node):.2f}".replace("-", "−")
        )
        classes = (shown.get_attribute("class") or "").split()
        assert f"is-{node.state}" in classes
        assert ("is-best" in classes) == node.in_best
    pruned = next(node for node in tree.steps[2] if node.state == "pruned")
    written.locator(f"#beam-tree [data-node='{pruned.id}']").click()
    expect(written.locator("#beam-sentence .beam-fate")).to_have_text(describe_fate(tree, pruned.id))
    expect(written.locator("#beam-tree [aria-selected='true']")).to_have_attribute("data-node", str(pruned.id))


def test_a_node_of_the_winner_is_a_token_everywhere(written: Page, run) -> None:
    open_tab(written, "Beams")
    node = run.beam_tree.best_path[3]
    written.locator(f"#beam-tree [data-node='{node.id}']").click()
    chosen = written.locator("#tokens .chip-selected")
    expect(chosen).to_have_attribute("data-token-index", str(len(run.prompt_ids) + 3))
    written.locator(f"#tokens [data-token-index='{len(run.prompt_ids) + 1}']").click()
    expect(written.locator("#beam-tree [aria-selected='true']")).to_have_attribute(
        "data-node", str(run.beam_tree.best_path[1].id)
    )


def test_keys_move_in_the_tree_and_enter_selects(written: Page, run) -> None:
    open_tab(written, "Beams")
    tree = run.beam_tree
    box = written.locator("#beam-tree .beams-scroll")
    box.focus()
    written.keyboard.press("Home")
    for key, wanted in (
        ("ArrowRight", tree.best_path[1]),
        ("ArrowDown", tree.steps[1][tree.steps[1].index(tree.best_path[1]) + 1]),
        ("ArrowLeft", None),
    ):
        written.keyboard.press(key)
        at = box.get_attribute("aria-activedescendant")
        if wanted:
            assert at.endswith(f"-{wanted.id}")
            last = wanted
        else:
            assert at.endswith(f"-{last.parent}")
    written.keyboard.press("Enter")
    expect(written.locator("#beam-sentence .beam-fate")).to_have_text(describe_fate(tree, last.parent))


def test_the_tree_builds_up(written: Page) -> None:
    open_tab(written, "Beams")
    slider = written.locator("#beam-tree .beams-slider")
    slider.fill("2")
    expect(written.locator("#beam-tree [data-step]")).to_have_count(2)
    slider.fill(str(LENGTH - 1))
    written.locator("#beam-tree .beams-play").click()
    expect(written.locator("#beam-tree output")).to_have_text(f"{LENGTH} of {LENGTH}")
    expect(written.locator("#beam-tree .beams-play")).to_contain_text("Play")
    written.get_by_label("pruned ones too").uncheck()
    expect(written.locator("#beam-tree .beam-node.is-pruned").first).to_be_hidden()
    written.get_by_label("pruned ones too").check()


def test_the_length_penalty_ranks_as_python_does(page: Page) -> None:
    lm = playground.load("stories")
    prompt = '"Where are you going?" asked the fox.'
    generate(page, prompt, strategy="Beam search", length=30)
    tree = lm.generate(prompt, strategy="beam", max_new_tokens=30).beam_tree
    open_tab(page, "Beams")
    rows = page.locator("#beam-ranking tbody tr")
    for penalty in (1.0, -2.0, 0.5, 4.0):
        page.locator("#beam-ranking input").fill(str(penalty))
        wanted = [str(node.id) for node in tree.ranking(penalty)][:25]
        expect(page.locator("#beam-ranking output")).to_have_text(f"{penalty:.2f}".replace("-", "−"))
        assert rows.evaluate_all("rows => rows.map(row => row.dataset.node)") == wanted


def test_greedy_stands_beside_it(written: Page, run) -> None:
    open_tab(written, "Beams")
    greedy = playground.load("stories").generate(PROMPT, strategy="greedy", max_new_tokens=LENGTH)
    expect(written.locator("#beam-greedy dd").nth(1)).to_contain_text(greedy.text.strip())
    expect(written.locator("#beam-greedy .beam-verdict")).to_contain_text("Beam search")
    assert joined_chips(written) == PROMPT + run.text


def test_it_fits_the_screen(narrow_page: Page) -> None:
    unfold_settings(narrow_page)
    search(narrow_page)
    expect_to_fit(narrow_page)
