"""Where the site of a host is reached. Job: settings and port to what a browser is told; pure, and loaded by commands.

Not its job: what requests may name (site).
"""

from __future__ import annotations

from ezaigents.settings import Settings

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def address_of(settings: Settings, port: int) -> str:
    """The address of a site that listens on `port`; behind a proxy, the first that the proxy is reached at."""
    outside = outside_addresses(settings)
    return outside[0] if outside else f"{scheme_of(settings)}://{bound_name(settings) or 'localhost'}:{port}"


def outside_addresses(settings: Settings) -> list[str]:
    """Where the proxy in front is reached, as origins; [] = there is none."""
    named = filter(None, map(str.strip, settings.behind_proxy.split(",")))
    return [name if "://" in name else f"https://{name}" for name in named]


def scheme_of(settings: Settings) -> str:
    """What the site itself speaks."""
    return "https" if settings.tls_cert else "http"


def bound_name(settings: Settings) -> str:
    """The address that is bound, as it stands in addresses; "" = all of them."""
    host = settings.bind.lower()
    return "" if host in _ANYWHERE else f"[{host}]" if ":" in host else host


def link_of(settings: Settings, port: int, code: str) -> str:
    """The link that makes a browser's session, once."""
    return f"{address_of(settings, port)}/enter?code={code}"
