"""Every page there is, those that come later too: accessible, on a phone, in the dark, and safe from what it shows.

The fleet is one in which every text that can come from elsewhere wants to be markup, or is very long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.browser.fleet import Fleet
from tests.browser.hostile import PAYLOAD, SHOWN, hostile_fleet
from tests.browser.pages import PATHS, addresses, views
from tests.browser.window import STREAM, Window, main_of, opened

_FIRST_PAGE_MOST_BYTES = 40_000
_FIRST_PAGE_MOST_REQUESTS = 6
_WIDTHS_PX = (1200, 800, 390, 320)
"""The last two: a usual phone, and the width at which WCAG 2.1 asks for no scrolling sideways."""
_HEIGHT_PX = 844
_BY_TAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
_AXE = resources.files("axe_playwright_python").joinpath("axe.min.js")
_CHECK = """async (runOnly) => {
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  const found = await axe.run({ runOnly, resultTypes: ["violations"] });
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 5).join("; ")}`);
}"""
_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width)
    .map((one) => one.outerHTML.slice(0, 100)).slice(0, 5);
}"""
_MARKUP = """() => [...document.querySelectorAll("img, iframe, object, embed, script:not([src^='/static/'])")]
  .map((one) => one.outerHTML).concat(typeof hostile === "undefined" ? [] : ["the payload ran"])"""
_BRIGHTNESS = """() => {
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}"""

_SHOWN_LEAST = {
    "/tasks": 1,
    "/tasks/{id}": 4,
    "/problems": 1,
    "/messages": 1,
    "/queue": 1,
    "/runs/{id}": 1,
    "/scorecard": 1,
}
"""On so many addresses of these, what is hostile stands in the middle of the page."""
Each = Callable[[str], list[Page]]
Sampled = tuple[Fleet, dict[str, list[str]]]


@pytest.fixture(scope="module")
def hostile(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sampled]:
    """A fleet with something of everything, and the ids of it."""
    with hostile_fleet(tmp_path_factory.mktemp("hostile")) as found:
        yield found


@pytest.fixture(scope="module")
def window(browser: Browser, hostile: Sampled) -> Iterator[Window]:
    """A window whose browser has a hostile name, too; nothing of all that is looked at may log an error."""
    with opened(browser, hostile[0], user_agent=PAYLOAD) as window:
        yield window


@pytest.fixture(scope="module")
def each(window: Window, hostile: Sampled) -> Each:
    """Each address of a route, and the other views that it links to, in tabs which stay open for the next test."""
    tabs: dict[str, list[Page]] = {}

    def pages(path: str) -> list[Page]:
        if path not in tabs:
            found = [window.open_live(address) for address in addresses(path, hostile[1])]
            others = {view: None for page in found for view in views(page)}
            tabs[path] = found + [window.open_live(address) for address in others]
        return tabs[path]

    return pages


def _violations(page: Page) -> list[str]:
    """What axe finds. The tab comes to the front: what is behind is drawn once a second."""
    page.bring_to_front()
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_AXE.read_text("utf-8"))
    found: list[str] = page.evaluate(_CHECK, _BY_TAG)
    return found


def _is_good(page: Page) -> None:
    """By day on a wide screen and by night on a phone: axe finds nothing, and in the dark the page is dark."""
    for scheme, width in (("light", max(_WIDTHS_PX)), ("dark", min(_WIDTHS_PX))):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size(ViewportSize(width=width, height=_HEIGHT_PX))
        assert _violations(page) == [], (page.url, scheme)
        assert (page.evaluate(_BRIGHTNESS) < 0.2) == (scheme == "dark"), (page.url, scheme)


def _fits(page: Page) -> None:
    """Nothing but what scrolls by itself is wider than the screen."""
    for width in _WIDTHS_PX:
        page.set_viewport_size(ViewportSize(width=width, height=_HEIGHT_PX))
        assert page.evaluate(_TOO_WIDE) == [], (page.url, width)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_accessible_by_day_and_by_night(path: str, each: Each) -> None:
    """axe finds nothing against WCAG 2.1 AA, contrast included; in the dark, the page is dark."""
    for page in each(path):
        _is_good(page)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_any_screen(path: str, each: Each) -> None:
    """Nothing but what scrolls by itself is wider than the screen, a phone's even, however long a word."""
    for page in each(path):
        _fits(page)


@pytest.mark.parametrize("path", PATHS)
def test_what_a_page_shows_is_only_ever_text(path: str, each: Each, window: Window) -> None:
    """Prompts, names, words of agents, errors, messages: none of it becomes an element, and none of it runs.

    A page says so itself, by its policy, where something would have run: the window keeps it as a complaint.
    """
    shown = 0
    for page in each(path):
        expect(page.get_by_role("contentinfo")).to_contain_text(PAYLOAD)
        assert page.evaluate(_MARKUP) == [], page.url
        shown += SHOWN in main_of(page).inner_text()
    assert shown >= _SHOWN_LEAST.get(path, 0), "nothing hostile is shown: the test proves nothing"
    complaints, window.complaints = window.complaints, []
    assert complaints == []


def test_pages_that_refuse_are_pages_too(browser: Browser, hostile: Sampled) -> None:
    """What is not there, or wrong in an address, is told on a page that is as good as the others."""
    fleet, nobody = hostile[0], "0" * 18
    with opened(browser, fleet) as window:
        for path in (f"/tasks/{nobody}", f"/tasks?q=x&state={PAYLOAD}", f"/{PAYLOAD}", f"/enter?code={PAYLOAD}"):
            page = window.open(path)
            expect(main_of(page).get_by_role("heading", level=1)).to_be_visible()
            assert page.evaluate(_MARKUP) == []
            assert _violations(page) == [], path
            _fits(page)
        window.complaints = [one for one in window.complaints if "status of 4" not in one]


def test_the_first_page_weighs_little(browser: Browser, hostile: Sampled) -> None:
    """With nothing in the cache: at most 40 KB on the wire, in six requests, one of which is the stream, without end.

    The last of the six is the page's live part, read once more when the stream has begun.
    """
    got: list[float] = []

    def count(event: dict[str, Any]) -> None:
        got.append(event["encodedDataLength"])

    with opened(browser, hostile[0]) as window:
        page = window.context.new_page()
        session = window.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", count)
        with page.expect_response(lambda answer: "hx-request" in answer.request.headers) as last:
            page.goto(hostile[0].url)
        last.value.finished()
        page.wait_for_load_state("networkidle")
        assert window.asked(STREAM) == 1
        assert len(got) + 1 <= _FIRST_PAGE_MOST_REQUESTS
        assert sum(got) <= _FIRST_PAGE_MOST_BYTES
