"""Every page there is. Job: from the table of routes to addresses, so that a page added later is looked at too.

Not its job: what is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page

from ezaigents.dashboard.pages import PAGES

PATHS = tuple(route.path for route in PAGES if route.method == "GET" and route.given_as == "text/html")
"""The paths of pages, with their parameters."""
_PARAM = re.compile(r"/([^/{]+)/\{\w+(?::\w+)?\}")
_LINKS = "(links) => links.map((link) => link.getAttribute('href'))"


def addresses(path: str, samples: Mapping[str, Sequence[str]]) -> list[str]:
    """The addresses of a route. `samples`: what there is of each thing, by the word before the parameter (`tasks`)."""
    found = _PARAM.search(path)
    if found is None:
        return [path]
    assert found[1] in samples, f"{path}: the samples of tests/browser have no {found[1]!r} yet; add some"
    return [
        address
        for sample in samples[found[1]]
        for address in addresses(f"{path[: found.start()]}/{found[1]}/{sample}{path[found.end() :]}", samples)
    ]


def views(page: Page) -> list[str]:
    """Other views of this page that it links to: the same path with a query, one of each set of parameters."""
    path, found = urlsplit(page.url).path, dict[tuple[str, ...], str]()
    for link in page.locator("main a[href]").evaluate_all(_LINKS):
        parts = urlsplit(link)
        if parts.query and not parts.netloc and parts.path in ("", path):
            found.setdefault(tuple(sorted(parse_qs(parts.query))), f"{path}?{parts.query}")
    return list(found.values())
