"""Which addresses are ours. Job: the Host and Origin that a request may name; pure. Not its job: who asks (gate).

A page from elsewhere can have a browser send requests to this machine, and a name of its own can be made to lead here.
Neither gets further than this.
"""

from __future__ import annotations

import msgspec

from ezaigents.settings import Settings


class Site(msgspec.Struct, frozen=True):
    """`hosts`: values of Host that are answered. `origins`: those of Origin; nobody else's page is."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings, port: int) -> Site:
        """The site of these settings: this machine's own names, and those that the user adds."""
        scheme = "https" if settings.tls_cert else "http"
        names = {"127.0.0.1", "localhost", "[::1]"}
        if settings.bind not in ("0.0.0.0", "::"):  # noqa: S104 - a comparison
            names.add(f"[{settings.bind.lower()}]" if ":" in settings.bind else settings.bind)
        hosts = {f"{name}:{port}" for name in names}
        hosts |= names if port == (443 if settings.tls_cert else 80) else set()
        origins = {f"{scheme}://{host}" for host in hosts}
        for name in filter(None, map(str.strip, settings.behind_proxy.split(","))):
            outside, _, host = name.rpartition("://")
            hosts.add(host.lower())
            origins.add(f"{outside or 'https'}://{host}".lower())
        return cls(frozenset(hosts), frozenset(origins))
