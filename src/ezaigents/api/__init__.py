"""The fleet over HTTP: the socket that waits for the first visitor, and all that is loaded then; see README.md."""

from ezaigents.api.address import address_of, link_of
from ezaigents.api.door import Door, bind_door

__all__ = ["Door", "address_of", "bind_door", "link_of"]
