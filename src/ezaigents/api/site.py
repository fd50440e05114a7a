"""Which addresses are ours. Job: the Host and Origin that a request may name; pure. Not its job: who asks (gate).

A page from elsewhere can have a browser send requests to this machine, and a name of its own can be made to lead here.
Neither gets further than this.
"""

from __future__ import annotations

import msgspec

from ezaigents.api.address import bound_name, outside_addresses, scheme_of
from ezaigents.settings import Settings

_USUAL_PORT = {"http": 80, "https": 443}


class Site(msgspec.Struct, frozen=True):
    """`hosts`: values of Host that are answered. `origins`: those of Origin; nobody else's page is."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings, port: int) -> Site:
        """The site of these settings: this machine's own names, and those that the user adds."""
        scheme = scheme_of(settings)
        names = {"127.0.0.1", "localhost", "[::1]", *filter(None, [bound_name(settings)])}
        hosts = {f"{name}:{port}" for name in names}
        hosts |= names if port == _USUAL_PORT[scheme] else set()
        outside = [address.lower() for address in outside_addresses(settings)]
        origins = {*(f"{scheme}://{host}" for host in hosts), *outside}
        return cls(frozenset(hosts | {address.partition("://")[2] for address in outside}), frozenset(origins))
