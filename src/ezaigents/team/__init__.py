"""How those on one namespace know of one another, talk, and keep out of each other's way.

Job: hosts and their health, messages, file leases, the radar, notes. Not its job: tasks (queue), writing files
(workspace), deciding that a lease of a task ended (queue).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader
from ezaigents.team.presence import (
    GONE_AFTER_S,
    Presence,
    Seen,
    State,
    agent_presence,
    by_capability,
    presence,
)  # its file has the name of its function

if TYPE_CHECKING:
    from ezaigents.team.inbox import Inbox
    from ezaigents.team.keeping import Kept, keep
    from ezaigents.team.lease_records import FileLease, Grant, Holder, LeaseBusy, NotHolder, Waiting
    from ezaigents.team.leases import FileLeases
    from ezaigents.team.letters import ALL, USER, HopsSpent, Letter, MailboxFull, Message, MessageStore, is_reserved
    from ezaigents.team.mailer import Mailer, expand
    from ezaigents.team.notefile import Note
    from ezaigents.team.notes import Notes, notes_as_text
    from ezaigents.team.radar import CHANGED, MEANS, READ, Overlap, Radar, Touched
    from ezaigents.team.registry import Registry
    from ezaigents.team.team import Team

__all__ = [
    "ALL",
    "CHANGED",
    "GONE_AFTER_S",
    "MEANS",
    "READ",
    "USER",
    "FileLease",
    "FileLeases",
    "Grant",
    "Holder",
    "HopsSpent",
    "Inbox",
    "Kept",
    "LeaseBusy",
    "Letter",
    "MailboxFull",
    "Mailer",
    "Message",
    "MessageStore",
    "NotHolder",
    "Note",
    "Notes",
    "Overlap",
    "Presence",
    "Radar",
    "Registry",
    "Seen",
    "State",
    "Team",
    "Touched",
    "Waiting",
    "agent_presence",
    "by_capability",
    "expand",
    "is_reserved",
    "keep",
    "notes_as_text",
    "presence",
]

_FILES = {
    "inbox": ("Inbox",),
    "keeping": ("Kept", "keep"),
    "lease_records": ("FileLease", "Grant", "Holder", "LeaseBusy", "NotHolder", "Waiting"),
    "leases": ("FileLeases",),
    "letters": ("ALL", "USER", "HopsSpent", "Letter", "MailboxFull", "Message", "MessageStore", "is_reserved"),
    "mailer": ("Mailer", "expand"),
    "notefile": ("Note",),
    "notes": ("Notes", "notes_as_text"),
    "radar": ("CHANGED", "MEANS", "READ", "Overlap", "Radar", "Touched"),
    "registry": ("Registry",),
    "team": ("Team",),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
