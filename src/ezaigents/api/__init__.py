"""The fleet over HTTP: the socket that waits for the first visitor, and all that is loaded then; see README.md."""

from ezaigents.api.address import address_of, link_of
from ezaigents.api.lazy_listener import LazyListener, bind_listener
from ezaigents.api.standing import SiteLock, StandingSite, standing_site

__all__ = ["LazyListener", "SiteLock", "StandingSite", "address_of", "bind_listener", "link_of", "standing_site"]
