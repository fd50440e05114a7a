"""The old Node.js system's Redis: taking its tasks over, doing them while it still runs, and putting them back.

Job: `ez legacy import`, `bridge`, `rollback`. Not its job: doing tasks (runtime); our own engine (engine).
It opens its own connections to the old server, and nothing of it is loaded by a host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.legacy.bridge import SWEEP_S, Bridge
    from ezaigents.legacy.handing_over import BridgeFigures
    from ezaigents.legacy.importing import bring_over, look
    from ezaigents.legacy.manifest import hold_moving
    from ezaigents.legacy.report import FamilyRow, ImportReport, KeyRow, RefusedRow, SecretRow
    from ezaigents.legacy.rollback import Rollback, RollbackReport, RollbackRow
    from ezaigents.legacy.server import OldServer, OldServerDown, OldServerRefuses

__all__ = [
    "SWEEP_S",
    "Bridge",
    "BridgeFigures",
    "FamilyRow",
    "ImportReport",
    "KeyRow",
    "OldServer",
    "OldServerDown",
    "OldServerRefuses",
    "RefusedRow",
    "Rollback",
    "RollbackReport",
    "RollbackRow",
    "SecretRow",
    "bring_over",
    "hold_moving",
    "look",
]

_FILES = {
    "bridge": ("SWEEP_S", "Bridge"),
    "handing_over": ("BridgeFigures",),
    "importing": ("bring_over", "look"),
    "manifest": ("hold_moving",),
    "report": ("FamilyRow", "ImportReport", "KeyRow", "RefusedRow", "SecretRow"),
    "rollback": ("Rollback", "RollbackReport", "RollbackRow"),
    "server": ("OldServer", "OldServerDown", "OldServerRefuses"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
