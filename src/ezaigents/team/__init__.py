"""How hosts know of one another. Today: the registry. Messages, file leases and notes join it here."""

from ezaigents.team.registry import Registry, Seen

__all__ = ["Registry", "Seen"]
