"""Which addresses are ours, and what a browser is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from ezaigents.api import address_of, link_of
from ezaigents.api.site import Site
from ezaigents.settings import Settings

PORT = 3000


def _site(port: int = PORT, **changed: Any) -> Site:
    return Site.of(Settings(**changed), port)


def test_a_site_answers_to_this_machines_own_names() -> None:
    """Nothing but localhost and the loopback addresses, with the port; pages of those alone may ask."""
    site = _site()
    assert site.hosts == {"127.0.0.1:3000", "localhost:3000", "[::1]:3000"}
    assert site.origins == {"http://127.0.0.1:3000", "http://localhost:3000", "http://[::1]:3000"}


@pytest.mark.parametrize(("port", "tls"), [(80, False), (443, True)])
def test_the_usual_port_may_be_left_out(port: int, tls: bool) -> None:
    """Browsers leave the scheme's own port out of Host and Origin."""
    site = _site(port, **({"tls_cert": "c", "tls_key": "k"} if tls else {}))
    assert {"localhost", f"localhost:{port}"} <= site.hosts
    assert f"{'https' if tls else 'http'}://localhost" in site.origins


@pytest.mark.parametrize(("port", "tls"), [(443, False), (80, True)])
def test_the_other_schemes_port_may_not_be_left_out(port: int, tls: bool) -> None:
    """A port is only implied by its own scheme."""
    assert "localhost" not in _site(port, **({"tls_cert": "c", "tls_key": "k"} if tls else {})).hosts


def test_with_tls_only_pages_that_came_over_tls_may_ask() -> None:
    """A page from plain HTTP may have been changed on its route."""
    assert {origin.partition(":")[0] for origin in _site(tls_cert="c", tls_key="k").origins} == {"https"}


@pytest.mark.parametrize(
    ("bind", "host"), [("192.0.2.7", "192.0.2.7:3000"), ("fd00::7", "[fd00::7]:3000"), ("FD00::7", "[fd00::7]:3000")]
)
def test_the_address_that_is_bound_is_answered(bind: str, host: str) -> None:
    """What the fleet listens on is a name of it, in the form in which browsers send it."""
    site = _site(bind=bind)
    assert host in site.hosts
    assert f"http://{host}" in site.origins


@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_every_address_is_no_name(bind: str) -> None:
    """Whoever listens everywhere is still asked under a name that was said."""
    assert _site(bind=bind).hosts == _site().hosts


def test_what_a_proxy_is_reached_at_is_answered() -> None:
    """Names outside are those that were set, over TLS unless they say otherwise."""
    site = _site(behind_proxy="Fleet.Example, http://inside.example:8080 ,")
    assert {"fleet.example", "inside.example:8080"} <= site.hosts
    assert {"https://fleet.example", "http://inside.example:8080"} <= site.origins
    assert "http://fleet.example" not in site.origins
    assert "" not in site.hosts


@pytest.mark.parametrize(
    ("changed", "address"),
    [
        ({}, "http://127.0.0.1:3000"),
        ({"bind": "::1"}, "http://[::1]:3000"),
        ({"bind": "0.0.0.0", "tls_cert": "c", "tls_key": "k"}, "https://localhost:3000"),
        ({"behind_proxy": "fleet.example, other.example"}, "https://fleet.example"),
        ({"behind_proxy": "http://inside.example:8080"}, "http://inside.example:8080"),
    ],
)
def test_what_a_browser_is_told_is_what_is_answered(changed: dict[str, Any], address: str) -> None:
    """The address that is printed is one under which the site answers, and the link is beneath it."""
    settings = Settings(**changed)
    assert address_of(settings, PORT) == address
    assert link_of(settings, PORT, "CODE") == f"{address}/enter?code=CODE"
    site = Site.of(settings, PORT)
    assert address in site.origins
    assert address.partition("://")[2] in site.hosts
