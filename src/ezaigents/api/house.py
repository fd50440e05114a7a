"""What all ways share. Job: the client, the access list and the settings of one site, in one hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.access import Access
from ezaigents.api.hub import Hub
from ezaigents.client import Client
from ezaigents.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection


class House:
    """One for each site; `House.of(request)` finds it."""

    def __init__(self, settings: Settings, client: Client, access: Access) -> None:
        self.settings = settings
        self.client = client
        self.access = access
        self.hub = Hub(client)

    @staticmethod
    def of(connection: HTTPConnection) -> House:
        """The house that a request came to."""
        house: House = connection.app.state.house
        return house

    async def say_goodbye(self) -> None:
        """End what goes on for ever."""
        await self.hub.close()
