"""What is written down about one act. Job: the record. Not its job: how it is chained (line)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class AuditKind(StrEnum):
    """What sort of act it was."""

    TOOL = "tool"
    APPROVAL = "approval"
    POLICY = "policy"
    REFUSAL = "refusal"
    APPLY = "apply"
    NETWORK = "network"
    KEYS = "keys"


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One act. `what` is cut to 2,048 bytes, every other text to 256; secrets in it were blacked out by the caller.

    `who`: the agent, or the user's name. `task`, `fence`, `step`: where it belongs, "" and 0 = to no task. `outcome`:
    a word; "" where the act is only about to happen.
    """

    kind: AuditKind
    what: str
    who: str
    task: str = ""
    fence: int = 0
    step: int = 0
    outcome: str = ""
