"""What somebody may do over HTTP. Job: three words and their order. Not its job: which route needs which."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """`read`: look at everything. `operate`: and hand in, apply, answer, stop. `admin`: and turn switches."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether whoever has this role may do what the other may."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = (Role.READ, Role.OPERATE, Role.ADMIN)
