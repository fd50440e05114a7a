"""What all routes share. Job: the client, the access list and the settings of one site, in one hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.access import Access
from ezaigents.api.guessing import Guesses
from ezaigents.api.hub import Hub
from ezaigents.api.pulse import Pulse
from ezaigents.client import Client, Lookout
from ezaigents.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection


class Services:
    """One for each site; `Services.of(request)` finds it."""

    def __init__(self, settings: Settings, client: Client, access: Access) -> None:
        self.settings = settings
        self.client = client
        self.access = access
        self.hub = Hub(client)
        self.pulse = Pulse(client)
        self.guesses = Guesses()
        self.lookout = Lookout(client)

    @staticmethod
    def of(connection: HTTPConnection) -> Services:
        """The services that a request came to."""
        services: Services = connection.app.state.services
        return services

    async def close(self) -> None:
        """End what goes on."""
        await self.pulse.close()
        await self.hub.close()
        await self.lookout.close()
