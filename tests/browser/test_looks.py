"""Sizes and themes: nothing overflows, the theme reaches every part."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import expect_to_fit, generate, set_number, unfold_settings, wait_for_maps


@pytest.mark.parametrize("width", [360, 719])
def test_nothing_overflows(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(width=width, height=800)
    expect(page.locator("#strategy")).to_be_hidden()  # the settings start folded
    unfold_settings(page)
    generate(page, "Once upon a time", length=40)
    expect_to_fit(page, "#prompt", "#generate", "#strategy", "#tokens", "#heads-overview", "#head-map")


def test_nothing_overflows_what_began_wide(open_page: Callable[..., Page]) -> None:
    page = open_page(width=1920, height=1080)
    generate(page, "Once upon a time", length=40)
    expect_to_fit(page, "#prompt", "#generate", "#tokens", "#heads-overview", "#head-map")


def test_the_text_stays_in_sight(page: Page) -> None:
    generate(page, "Once upon a time", length=40)
    page.locator("#head-rows").scroll_into_view_if_needed()
    page.mouse.move(640, 800)
    page.mouse.wheel(0, 600)
    page.wait_for_function("window.scrollY > 300")
    box = page.locator("#tokens").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 200


def test_on_a_small_screen_the_text_stays_and_leaves_room(open_page: Callable[..., Page]) -> None:
    page = open_page(width=360, height=800)
    unfold_settings(page)
    generate(page, "Once upon a time", length=40)
    page.locator("#head-rows").scroll_into_view_if_needed()
    text, panel = (page.locator(of).bounding_box() for of in ("#tokens .chips", "#panel-text"))
    assert text is not None
    assert panel is not None
    assert 0 <= text["y"] < 40
    assert panel["y"] + panel["height"] < 0.4 * 800


def test_the_theme_button_reaches_text_and_charts(page: Page) -> None:
    generate(page, "Once upon a time", length=4)
    look = """() => [
        getComputedStyle(document.querySelector('#panel-text')).backgroundColor,
        document.querySelector('#head-map .chart-plot').layout.font.color,
        document.querySelector('#heads-overview .chart-plot').data[0].colorscale[0][1],
    ]"""
    light = page.evaluate(look)
    page.get_by_role("button", name="Change between light and dark").click()
    page.wait_for_function("document.body.classList.contains('dark')")
    page.wait_for_function(
        "old => document.querySelector('#heads-overview .chart-plot').data[0].colorscale[0][1] !== old", arg=light[2]
    )
    dark = page.evaluate(look)
    assert all(before != after for before, after in zip(light, dark, strict=True))


def test_a_dark_system_gets_a_dark_page(open_page: Callable[..., Page]) -> None:
    page = open_page(theme="dark")
    expect(page.locator("body")).to_have_class("dark")


def test_without_the_program_that_draws_charts_a_chart_says_so_and_asks_again(page: Page) -> None:
    page.route("**/plotly.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.reload()
    expect(page.locator("#generate")).to_be_enabled()
    set_number(page, "max-new-tokens", 2)
    page.locator("#prompt textarea").fill("Once upon a time")
    page.locator("#generate").click()
    said = page.locator("#head-map .chart-empty")
    expect(said).to_contain_text("could not be fetched")
    page.unroute("**/plotly.js")
    wait_for_maps(page)
    expect(said).to_be_hidden()
