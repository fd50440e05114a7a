"""What all routes share. Job: the client, the access list, the settings and the host of one site, in one hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ezaigents.access import Access
from ezaigents.api.guessing import Guesses
from ezaigents.api.hub import Hub
from ezaigents.api.pulse import Pulse
from ezaigents.client import Client, Lookout
from ezaigents.errors import ConfigError, NotRunning
from ezaigents.optimize import in_force
from ezaigents.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from ezaigents.api.chat.calls import Calls, Lend
    from ezaigents.api.resources import Resources


class Services:
    """One for each site; `Services.of(request)` finds it. `lend`: gives what the host lends, None = there is no host.

    `began_s`: seconds since 1970.
    """

    def __init__(self, settings: Settings, client: Client, access: Access, lend: Lend | None = None) -> None:
        self.settings = settings
        self.client = client
        self.access = access
        self.hub = Hub(client)
        self.pulse = Pulse(client)
        self.guesses = Guesses()
        self.lookout = Lookout(client)
        self.began_s = int(time.time())
        self._lend = lend
        self._calls: Calls | None = None
        self._resources: Resources | None = None

    @staticmethod
    def of(connection: HTTPConnection) -> Services:
        """The services that a request came to."""
        services: Services = connection.app.state.services
        return services

    def pushes(self) -> bool:
        """Whether browsers and programs are told what happens, as chosen now (`ez switch`)."""
        try:
            return in_force(self.settings).dashboard_push
        except ConfigError:
            return self.settings.dashboard_push

    def calls(self) -> Calls:
        """What asks models for this site; loaded at the first call. Raises NotRunning where nothing does."""
        if self._calls is None and self._lend is not None:
            self._calls = self._lend()
        if self._calls is None:
            raise NotRunning("this site is not served by a host whose agents ask models; `ez up` starts one")
        return self._calls

    def resources(self) -> Resources:
        """What the fleet uses, over time; loaded at the first look."""
        if self._resources is None:
            from ezaigents.api.resources import Resources

            self._resources = Resources(self.client)
        return self._resources

    async def close(self) -> None:
        """End what goes on, and what would take long."""
        await self.pulse.close()
        if self._calls is not None:
            self._calls.end_all("this host is stopping; ask again when it is back")
        await self.hub.close()
        await self.lookout.close()
