"""A map is looked at in part: buttons, keyboard, mouse and fingers; the part stays while the text is the same."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import analyse, choose, wait_for_maps, wait_for_mark

TEXT = "Once upon a time there was a little girl who lived in a little house by the wood and had a dog."
RANGES = """() => {
    const { xaxis, yaxis } = document.querySelector("#head-map .chart-plot")._fullLayout;
    return { x: [...xaxis.range], y: [...yaxis.range], named: yaxis.tickvals.length };
}"""


def write(page: Page) -> None:
    analyse(page, TEXT)
    wait_for_maps(page)


@pytest.fixture
def shown(written: Page) -> Page:
    written.locator("#head-map [data-zoom=whole]").click(force=True)
    return written


def n_tokens(page: Page) -> int:
    return page.locator("#tokens [data-token-index]").count()


def wait_for_zoom(page: Page, condition: str) -> dict:
    """Wait until a condition on {x, y} holds, the ranges of the axes in cells, and return them."""
    page.wait_for_function(f"() => {{ const {{ x, y }} = ({RANGES})(); return {condition}; }}")
    return page.evaluate(RANGES)


def wait_for_whole(page: Page) -> None:
    wait_for_zoom(page, f"x[0] === -0.5 && x[1] === {n_tokens(page) - 0.5} && y[1] === -0.5")


def place_in_map(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return the place on the screen at a share of the map's width and height."""
    box = page.locator("#head-map .nsewdrag").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def test_buttons_zoom_and_every_label_has_room_again(shown: Page) -> None:
    page = shown
    wait_for_whole(page)
    tools = page.locator("#head-map .zoom-tools")
    expect(tools.get_by_role("button", name="Zoom out")).to_have_attribute("aria-disabled", "true")
    tools.get_by_role("button", name="Zoom in").click()
    closer = wait_for_zoom(page, f"x[1] - x[0] < {0.7 * n_tokens(page)}")
    for first, last in (closer["x"], closer["y"][::-1]):
        assert (first % 1, last % 1) == (0.5, 0.5)  # whole cells
    assert closer["named"] == closer["y"][0] - closer["y"][1]  # each of the few rows has its label
    for _ in range(8):
        tools.get_by_role("button", name="Zoom in").click(force=True)  # what it cannot do, it leaves
    wait_for_zoom(page, "x[1] - x[0] === 4 && y[0] - y[1] === 4")
    expect(tools.get_by_role("button", name="Zoom in")).to_have_attribute("aria-disabled", "true")
    tools.get_by_role("button", name="Show the whole map").click()
    wait_for_whole(page)


def test_keys_zoom_and_move(shown: Page) -> None:
    page = shown
    page.locator("#head-map .chart-plot").focus()
    for _ in range(3):
        page.keyboard.press("+")
    before = wait_for_zoom(page, "x[1] - x[0] < 8")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    step = round((before["x"][1] - before["x"][0]) / 4)
    wait_for_zoom(page, f"x[0] === {before['x'][0] + step} && y[1] === {before['y'][1] - step}")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    wait_for_zoom(page, f"x[1] === {n_tokens(page) - 0.5}")  # not beyond the last token
    page.keyboard.press("-")
    wait_for_zoom(page, f"x[1] - x[0] > {before['x'][1] - before['x'][0]}")
    page.keyboard.press("0")
    wait_for_whole(page)


def test_a_box_is_drawn_with_the_mouse_and_the_wheel_is_left_to_the_page(shown: Page) -> None:
    page = shown
    page.locator("#head-map .chart-plot").scroll_into_view_if_needed()
    size = n_tokens(page)
    page.mouse.move(*place_in_map(page, 2.2 / size, 4.2 / size))
    page.mouse.down()
    page.mouse.move(*place_in_map(page, 9.8 / size, 12.7 / size), steps=4)
    page.mouse.up()
    wait_for_zoom(page, "x[0] === 1.5 && x[1] === 9.5 && y[0] === 12.5 && y[1] === 3.5")
    page.locator("#head-map .nsewdrag").evaluate("map => map.scrollIntoView({ block: 'center' })")
    before = page.evaluate("window.scrollY")
    page.mouse.move(*place_in_map(page, 0.5, 0.5))
    page.mouse.wheel(0, 100)
    page.wait_for_function("before => window.scrollY > before + 50", arg=before)
    assert page.evaluate(RANGES)["x"] == [1.5, 9.5]
    page.mouse.dblclick(*place_in_map(page, 0.5, 0.5))
    wait_for_whole(page)


def test_the_part_stays_for_another_head_and_token_and_ends_with_the_text(page: Page) -> None:
    write(page)
    page.locator("#head-map [data-zoom=in]").click()
    part = wait_for_zoom(page, f"x[1] - x[0] < {0.7 * n_tokens(page)}")
    choose(page, "Head", "5")
    wait_for_mark(page, "heads-overview", x0=5)
    page.locator("#tokens [data-token-index='9']").click()
    wait_for_mark(page, "head-map", y0=7.5)
    assert page.evaluate(RANGES) == part
    page.locator("#head-map").evaluate("map => map.scrollIntoView({ block: 'center' })")  # from under the text
    page.mouse.click(*place_in_map(page, 0.2, 0.5))  # a click is still a choice of a row
    middle = round((part["y"][0] + part["y"][1]) / 2)
    page.wait_for_function(
        """row => Math.abs(document.querySelector("#head-map .chart-plot").layout.shapes.at(-1).y0 + 0.5 - row) <= 1""",
        arg=middle,
    )
    assert page.evaluate(RANGES) == part
    analyse(page, TEXT.replace("girl", "boy"))
    page.wait_for_function("() => document.querySelector('#head-map .chart-plot').data[0].x.includes('·boy')")
    wait_for_whole(page)


def test_two_fingers_zoom_on_a_narrow_screen_and_one_scrolls(open_page: Callable[..., Page]) -> None:
    page = open_page(width=360, height=800, theme="dark")
    analyse(page, TEXT)
    wait_for_maps(page)
    page.locator("#head-map .chart-plot").scroll_into_view_if_needed()
    fingers = """(plot, [kind, spread]) => {
        const { left, top, width, height } = plot.getBoundingClientRect();
        const at = (identifier, x) => new Touch({
            identifier, target: plot, clientX: left + width * x, clientY: top + height * 0.5,
        });
        const touches = spread === null ? [at(1, 0.5)] : [at(1, 0.5 - spread), at(2, 0.5 + spread)];
        const event = new TouchEvent(kind, { touches, bubbles: true, cancelable: true });
        plot.dispatchEvent(event);
        return event.defaultPrevented;
    }"""
    plot = page.locator("#head-map .chart-plot")
    plot.evaluate(fingers, ["touchstart", None])
    assert plot.evaluate(fingers, ["touchmove", None]) is False
    plot.evaluate(fingers, ["touchstart", 0.1])
    assert plot.evaluate(fingers, ["touchmove", 0.3]) is True
    wait_for_zoom(page, f"x[1] - x[0] < {n_tokens(page) / 2}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
