"""Where the site of a host is reached. Job: settings and port to what a browser is told; pure, and loaded by commands.

Not its job: what requests may name (site).
"""

from __future__ import annotations

from ezaigents.settings import Settings

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def address_of(settings: Settings, port: int) -> str:
    """The address of a site that listens on `port`; behind a proxy, the first that the proxy is reached at."""
    outside = settings.behind_proxy.partition(",")[0].strip()
    if outside:
        return outside if "://" in outside else f"https://{outside}"
    scheme = "https" if settings.tls_cert else "http"
    host = settings.bind
    shown = "localhost" if host in _ANYWHERE else f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def link_of(settings: Settings, port: int, code: str) -> str:
    """The link that makes a browser's session, once."""
    return f"{address_of(settings, port)}/enter?code={code}"
