"""The fleet in a browser: pages, and the files they need; see README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ezaigents.api.chat.calls import Lend
    from ezaigents.api.serving import Serving
    from ezaigents.settings import Settings

__all__ = ["load_site"]


def load_site() -> Callable[[Settings, int, Lend | None], Serving]:
    """Load the API and the pages; for `bind_listener`, which calls it at the first connection."""
    from functools import partial

    from ezaigents.api.lean import load_uvicorn

    load_uvicorn()
    from ezaigents.api.routes import ROUTES
    from ezaigents.api.serving import Serving
    from ezaigents.dashboard.pages import PAGES

    ours = {(route.method, route.path) for route in PAGES}  # what the pages answer in more forms than JSON
    return partial(Serving, routes=(*PAGES, *(route for route in ROUTES if (route.method, route.path) not in ours)))
