"""A window of the browser with a session of its own. Job: enter, open pages, keep what they complain of.

Not its job: what they show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect
from tests.browser.chromium import WITHIN_MS
from tests.browser.fleet import Fleet

from ezaigents.access import Role

STREAM = "/api/events"
_TABS_MOST = 80
_TOLD = """
document.addEventListener("securitypolicyviolation",
  (event) => console.error(`refused by the policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
_FOCUSED = """() => {
  const element = document.activeElement;
  const label = element.labels && element.labels.length ? element.labels[0] : element;
  return (element.ariaLabel || label.innerText || "").replace(/\\s+/g, " ").trim();
}"""


class Window:
    """Its tabs share a session, as those of a user's browser do. `complaints`: errors that any of them logged."""

    def __init__(self, context: BrowserContext, fleet: Fleet) -> None:
        self.context = context
        self.fleet = fleet
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        context.add_init_script(_TOLD)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._count)

    def open(self, path: str = "/") -> Page:
        """A new tab with this page."""
        page = self.context.new_page()
        page.goto(f"{self.fleet.url}{path}")
        return page

    def open_live(self, path: str = "/") -> Page:
        """A new tab with this page, once it hears what happens."""
        page = self.open(path)
        expect(line_of(page)).to_have_text("live")
        return page

    def asked(self, part: str) -> int:
        """How often an address with this in it was asked for."""
        return sum(part in request.url for request in self.requests)

    def _count(self, request: Request) -> None:
        self.requests.append(request)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


@contextmanager
def opened(browser: Browser, fleet: Fleet, role: Role = Role.ADMIN, **options: Any) -> Iterator[Window]:
    """A window that has entered; its pages may log no error. `options`: as Playwright's contexts take them."""
    expect.set_options(timeout=WITHIN_MS)
    context = browser.new_context(**options)
    context.set_default_timeout(WITHIN_MS)
    try:
        window = Window(context, fleet)
        assert context.request.get(fleet.link(role)).ok
        yield window
        assert not window.complaints, window.complaints
    finally:
        context.close()


def line_of(page: Page) -> Locator:
    """What says whether the page hears what happens."""
    return page.get_by_role("banner").get_by_role("status")


def main_of(page: Page) -> Locator:
    """What the page is about."""
    return page.get_by_role("main")


def mark(page: Page) -> None:
    """Leave something in the page that a reload would take away."""
    page.evaluate("window.marked = true")


def is_marked(page: Page) -> bool:
    """Whether it is the same page still, never loaded again."""
    return bool(page.evaluate("window.marked === true"))


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus, which must be seen."""
    for _ in range(_TABS_MOST):
        page.keyboard.press("Tab")
        if str(page.evaluate(_FOCUSED)).startswith(name):
            style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", f"{name!r} has the focus, and nobody sees it"
            return
    raise AssertionError(f"no Tab leads to {name!r}")
