"""One browser and one fleet for the tests of a file, and for each test a window of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.browser.chromium import browsing, chromium
from tests.browser.fleet import Fleet, running
from tests.browser.window import Window, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; where none is installed, the test is skipped."""
    if not chromium():
        pytest.skip("no Chromium on this machine; on Debian, `apt-get install chromium`")
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def fleet(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet that has done nothing yet."""
    with running(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture
def window(browser: Browser, fleet: Fleet) -> Iterator[Window]:
    """A window with a session of the role `admin`."""
    with opened(browser, fleet) as window:
        yield window
