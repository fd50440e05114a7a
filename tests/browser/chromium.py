"""The machine's own Chromium, driven by Playwright. Job: find it, start it. Not its job: what is looked at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHIN_MS = 30_000
"""What a loaded machine may take for one thing that is waited for."""


def chromium() -> str:
    """Where it is; "" = there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), "")


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser as long as this lasts; nothing of it is left afterwards."""
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*_QUIET, *root], timeout=2 * WITHIN_MS)
        try:
            yield browser
        finally:
            browser.close()
