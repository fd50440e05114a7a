"""Who may reach the fleet over HTTP; see README.md."""

from ezaigents.access.access import LINK_S, OWN_TOKEN, SESSION_S, Access, Given
from ezaigents.access.grant import Grant, GrantKind
from ezaigents.access.role import Role

__all__ = ["LINK_S", "OWN_TOKEN", "SESSION_S", "Access", "Given", "Grant", "GrantKind", "Role"]
