"""The picker of models: what it lists, how a loading is seen, and what goes wrong with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import chip_count, generate, open_tab, unfold_settings, watched_pages
from tests.hub import COMMIT, Fault, Hub, Repository, running_hub
from tests.server import running_app

TOKEN = "hf_aVisitorsOwnToken"
MARKUP = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Served:
    """A page whose visitors may bring models, and the Hub that they come from."""

    url: str
    hub: Hub
    log: Path


@pytest.fixture(scope="module")
def served(tiny_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("picker")
    folder = place / "own" / "mine"
    folder.mkdir(parents=True)
    for name, content in tiny_files.items():
        (folder / name).write_bytes(content)
    with running_hub() as hub:
        hub.tokens = {TOKEN}
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(place / "cache"), "NO_PROXY": "127.0.0.1"}
        options = ("--model", "stories", "--bring", "hub", "--folder", str(place / "own"))
        with running_app(*options, environment=environment, log=place / "log") as url:
            yield Served(url, hub, place / "log")


@pytest.fixture
def hub(served: Served, tiny_files: dict[str, bytes]) -> Hub:
    """Return the Hub with nothing but what the test puts there, and no fault."""
    served.hub.repositories = {"org/tiny": Repository(dict(tiny_files), n_parameters=1234, tags=(f"license:{MARKUP}",))}
    served.hub.faults.clear()
    served.hub.asked.clear()
    return served.hub


@pytest.fixture
def open_at(context: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Open pages that must stay without errors."""
    with watched_pages(context) as opened:

        def open_at(url: str, width: int = 1280, theme: str = "light") -> Page:
            return opened(url, viewport={"width": width, "height": 800}, color_scheme=theme)

        yield open_at


@pytest.fixture
def page(open_at: Callable[..., Page], served: Served, hub: Hub) -> Page:
    return open_at(served.url)


def add(hub: Hub, name: str, files: dict[str, bytes], fault: Fault | None = None, **options: object) -> str:
    """Put a model on the Hub under a name that no other test has used: downloads are kept."""
    hub.repositories[name] = Repository(dict(files), **options)
    if fault is not None:
        hub.faults[weights_of(name)] = fault
    return name


def weights_of(name: str) -> str:
    return f"/{name}/resolve/{COMMIT}/model.safetensors"


def open_picker(page: Page) -> None:
    page.get_by_role("button", name="More models").click()
    expect(page.locator(".picker-filter")).to_be_focused()


def choose(page: Page, name: str) -> None:
    """Type a name and choose it, however it was found."""
    if not page.locator(".picker-dialog").is_visible():
        open_picker(page)
    page.locator(".picker-filter").fill(name)
    page.locator(f"[data-model='{name}']").click()


def expect_chosen(page: Page, name: str) -> None:
    expect(page.locator(".picker-dialog")).to_be_hidden()
    expect(page.locator("#model input")).to_have_value(name)


def expect_failed(page: Page, words: str) -> None:
    """Check that the picker says what went wrong, and that the model before is still chosen."""
    expect(page.locator(".picker-title")).to_contain_text(words)
    expect(page.locator(".picker-again")).to_be_visible()
    expect(page.locator(".picker-progress")).to_be_hidden()
    expect(page.locator("#model input")).to_have_value("stories")


def test_a_model_of_the_hub_is_searched_loaded_and_chosen(page: Page, hub: Hub, tiny_files: dict[str, bytes]) -> None:
    name = add(hub, "org/searched", tiny_files, Fault(pause_s=0.05))
    open_picker(page)
    page.locator(".picker-filter").fill("arch")
    page.locator(f"[data-model='{name}']").click()
    expect(page.locator(".picker-title")).to_contain_text(f"Downloading {name}")
    page.wait_for_function("(({value}) => value > 0.1 && value < 1)(document.querySelector('.picker-progress'))")
    expect(page.locator(".picker-numbers")).to_contain_text("model.safetensors")
    expect(page.locator(".picker-numbers")).to_contain_text("a second, about")
    expect(page.locator(".picker-state")).to_contain_text("%")
    expect_chosen(page, name)
    expect(page.locator("#room")).to_contain_text("the 64 that the model reads")
    expect(page.locator("#examples")).to_contain_text("The capital of France is")
    generate(page, "Once", length=3)
    open_tab(page, "Model")
    expect(page.locator("#model-card .model-name")).to_have_text(name)
    expect(page.locator("#model-card")).to_contain_text("GPT2LMHeadModel")
    expect(page.locator("#model-card svg")).to_contain_text("query heads")
    page.locator("#model input").click()  # the bundled one is a click away
    page.get_by_role("option", name="stories", exact=True).click()
    expect(page.locator("#room")).to_contain_text("of 512 tokens")
    expect(page.locator("#model-card .model-name")).to_have_text("stories")


def test_what_is_typed_while_an_earlier_search_is_slow_is_found(
    page: Page, hub: Hub, tiny_files: dict[str, bytes]
) -> None:
    name = add(hub, "org/typed-later", tiny_files)
    hub.faults["/api/models"] = Fault(delay_s=3, times=1)
    open_picker(page)
    n_before = len(hub.asked)
    page.locator(".picker-filter").fill("ty")
    while "/api/models" not in hub.paths()[n_before:]:
        page.wait_for_timeout(50)
    page.locator(".picker-filter").fill("typed-lat")
    expect(page.locator(f"[data-model='{name}']")).to_be_visible()
    page.wait_for_timeout(3000)  # the earlier answer comes, and changes nothing
    expect(page.locator(f"[data-model='{name}']")).to_be_visible()


def test_others_go_on_while_one_loads(
    page: Page, open_at: Callable[..., Page], served: Served, hub: Hub, tiny_files: dict[str, bytes]
) -> None:
    name = add(hub, "org/slow", tiny_files, Fault(pause_s=0.5))
    other = open_at(served.url)
    choose(page, name)
    expect(page.locator(".picker-title")).to_contain_text("Downloading")
    generate(other, "Once upon a time", length=4)
    assert chip_count(other) == 4 + 4
    page.keyboard.press("Escape")  # the loading goes on without the dialog, and the page can be used
    expect(page.locator(".picker-dialog")).to_be_hidden()
    expect(page.locator(".picker-state")).to_contain_text("%")
    generate(page, "Once upon a time", length=5)
    assert chip_count(page) == 4 + 5
    expect(page.locator("#model input")).to_have_value("stories")
    open_picker(page)
    page.locator(".picker-cancel").click()
    expect_failed(page, "cancelled")


def test_what_was_cancelled_goes_on_where_it_ended(page: Page, hub: Hub, tiny_files: dict[str, bytes]) -> None:
    name = add(hub, "org/cancelled", tiny_files, Fault(pause_s=0.2))
    choose(page, name)
    page.wait_for_function("document.querySelector('.picker-progress').value > 0.2")
    page.locator(".picker-cancel").click()
    expect_failed(page, "was cancelled. What has come is kept")
    generate_with_stories(page)
    hub.faults.clear()
    open_picker(page)
    page.locator(".picker-again").click()
    expect_chosen(page, name)
    assert resumed_at(hub, name) > 0


def test_a_download_that_broke_off_goes_on(page: Page, hub: Hub, tiny_files: dict[str, bytes]) -> None:
    name = add(hub, "org/broken", tiny_files, Fault(break_after=50_000, times=1))
    hub.faults["/model.safetensors"] = Fault(break_after=0)
    choose(page, name)
    expect_failed(page, "have come, and are kept. Try again, and it goes on from there.")
    hub.faults.clear()
    hub.asked.clear()
    page.locator(".picker-again").click()
    expect_chosen(page, name)
    assert resumed_at(hub, name) == 50_000


def resumed_at(hub: Hub, name: str) -> int:
    """Return at which byte of the weights the last download began."""
    asked = [headers for path, headers in hub.asked if path == weights_of(name)]
    return int(asked[-1].get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def generate_with_stories(page: Page) -> None:
    page.keyboard.press("Escape")
    generate(page, "Once upon a time", length=3)


def test_a_gated_model_takes_the_visitors_own_token(
    page: Page, open_at: Callable[..., Page], served: Served, hub: Hub, tiny_files: dict[str, bytes]
) -> None:
    name = add(hub, "org/gated", tiny_files, gated=True, readers=frozenset({TOKEN}))
    open_picker(page)
    page.locator(".picker-filter").fill("gated")
    expect(page.locator(f"[data-model='{name}'] .picker-gated")).to_be_visible()
    page.locator(f"[data-model='{name}']").click()
    expect_failed(page, "is gated: accept its terms on its page")
    expect(page.locator(".picker-secret")).to_be_focused()
    assert page.locator(".picker-secret").get_attribute("type") == "password"
    page.locator(".picker-secret").fill("hf_wrong")
    page.keyboard.press("Enter")
    expect_failed(page, "does not know this access token")
    page.locator(".picker-secret").fill(TOKEN)
    page.keyboard.press("Enter")
    expect_chosen(page, name)
    generate(page, "Once", length=3)
    open_tab(page, "Model")
    expect(page.locator("#model-card .model-name")).to_have_text(name)
    assert TOKEN not in page.content()
    assert TOKEN not in served.log.read_text("utf-8")
    other = open_at(served.url)
    choose(other, name)
    expect_failed(other, "is gated")


def test_what_the_hub_refuses(page: Page, hub: Hub) -> None:
    for fault, words in (
        (None, "There is no model 'org/nothing' on the Hub"),
        (Fault(status=429, headers={"Retry-After": "7"}), "Try again in 7 seconds"),
        (Fault(status=500), "has trouble of its own"),
        (Fault(status=200, body=b"<html>"), "cannot be read; try again later"),
    ):
        if fault is not None:
            hub.faults["/api/models/org/nothing"] = fault
        choose(page, "org/nothing")
        expect_failed(page, words)
        generate_with_stories(page)


def test_a_model_in_a_folder(page: Page) -> None:
    open_picker(page)
    page.locator("[data-group='folders']").get_by_role("button", name="mine").click()
    expect_chosen(page, "./mine")
    expect(page.locator("#room")).to_contain_text("the 64 that the model reads")


def test_what_the_hub_says_is_text(page: Page, hub: Hub, tiny_files: dict[str, bytes]) -> None:
    hub.repositories[MARKUP] = Repository({})
    hub.repositories |= {f"org/tiny-{number}": Repository({}) for number in range(300)}
    open_picker(page)
    page.locator(".picker-filter").fill("tiny")
    row = page.locator("[data-model='org/tiny']")
    expect(row).to_contain_text(f"1.23 thousand parameters, {MARKUP}")
    assert page.locator("[data-group='found'] li").count() <= 21
    page.locator(".picker-filter").fill("img")
    expect(page.locator(".picker-found")).to_contain_text("no language model with this in its name")
    choose(page, "org/tiny")
    expect_chosen(page, "org/tiny")
    open_tab(page, "Model")
    expect(page.locator("#model-card")).to_contain_text(MARKUP)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_keyboard_at_360_pixels(open_at: Callable[..., Page], served: Served, hub: Hub, theme: str) -> None:
    page = open_at(served.url, width=360, theme=theme)
    unfold_settings(page)
    page.locator(".picker-open").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".picker-filter")).to_be_focused()
    box = page.locator(".picker-dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    overflow = "dialog => [...dialog.querySelectorAll('*')].filter(one => one.scrollWidth > one.clientWidth + 1 "
    overflow += "&& getComputedStyle(one).display !== 'inline').map(one => one.className)"
    assert page.locator(".picker-dialog").evaluate(overflow) == []
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-model='stories']")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-group='known'] .picker-row").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".picker-filter")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".picker-dialog")).to_be_hidden()
    expect(page.locator(".picker-open")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("stor")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect_chosen(page, "stories")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_a_network(open_at: Callable[..., Page], tmp_path: Path) -> None:
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    with running_app("--model", "stories", environment=environment) as url:
        page = open_at(url)
        open_picker(page)
        page.locator(".picker-filter").fill("gpt")
        expect(page.locator(".picker-found")).to_contain_text("Hub cannot be reached from this server")
        page.locator("[data-model='openai-community/gpt2']").click()
        expect_failed(page, "is not on this machine, and the Hugging Face Hub cannot be reached")
        expect(page.locator(".picker-no-folder")).to_contain_text("--folder PATH")
        generate_with_stories(page)
        page.close()  # before its server is gone


def test_a_public_page_says_what_it_does_not_offer(open_at: Callable[..., Page]) -> None:
    with running_app("--model", "stories", "--bring", "list") as url:
        page = open_at(url)
        open_picker(page)
        expect(page.locator(".picker-no-hub").first).to_contain_text("--bring hub")
        expect(page.locator(".picker-token")).to_be_hidden()
        expect(page.locator("[data-model='openai-community/gpt2']")).to_be_disabled()
        page.locator(".picker-filter").fill("org/tiny")
        expect(page.locator("[data-group='found'] li")).to_have_count(0)
        page.locator(".picker-filter").fill("")
        page.locator("[data-model='stories']").click()
        expect_chosen(page, "stories")
        page.close()
